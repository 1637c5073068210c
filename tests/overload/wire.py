"""MQTT 3.1.1 and 5.0 for clients that publish and take as fast as they are let, over sockets that never block."""

import errno
import socket
import struct
import sys
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients"))
from packets import packet, text  # noqa: E402

HOST = "127.0.0.1"
CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x20, 0x30, 0x40, 0x50, 0x60, 0x70
SUBACK, PINGRESP, DISCONNECT = 0x90, 0xD0, 0xE0
PINGREQ = b"\xc0\x00"
READ_BYTES = 256 * 1024
QUOTA_EXCEEDED = 0x97
# Publisher and number at the beginning of each payload.
NUMBERED = struct.Struct(">HI")


def connect(level, client_id, is_clean, keep_alive_s=0):
    """A session that is kept if it is not clean; a clean 5.0 session ends with its connection."""
    properties = b"" if level < 5 else b"\0" if is_clean else b"\x05\x11\xff\xff\xff\xff"
    flags = 0x02 if is_clean else 0
    return packet(0x10, text("MQTT"), bytes([level, flags]), struct.pack(">H", keep_alive_s), properties, text(client_id))


def subscribe(level, filters, qos):
    properties = b"\0" if level == 5 else b""
    return packet(0x82, b"\0\x01", properties, *(text(one) + bytes([qos]) for one in filters))


class Connection:
    """One connection: bytes out as far as the socket takes them, whole packets in."""

    def __init__(self, port, level):
        self.level = level
        self.socket = socket.create_connection((HOST, port), timeout=30)
        self.socket.setblocking(False)
        self.out = bytearray()
        self.buffer = b""
        self.is_open = True
        self.read_bytes = self.sent_bytes = 0

    def fileno(self):
        return self.socket.fileno()

    def send(self, data):
        self.out += data

    def flush(self):
        """Writes what the socket takes; answers whether nothing is left."""
        while self.out and self.is_open:
            try:
                count = self.socket.send(memoryview(self.out)[:READ_BYTES])
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EINTR):
                    self.is_open = False
                break
            self.sent_bytes += count
            del self.out[:count]
        return not self.out

    def read(self, bytes_max=READ_BYTES):
        """The packets that have come, as (first byte, body); notes the end of the connection."""
        try:
            came = self.socket.recv(bytes_max)
        except OSError as error:
            self.is_open = error.errno in (errno.EAGAIN, errno.EINTR)
            return []
        if not came:
            self.is_open = False
        self.read_bytes += len(came)
        data = self.buffer + came if self.buffer else came
        packets, at = cut(data)
        self.buffer = data[at:]
        return packets

    def close(self):
        self.socket.close()
        self.is_open = False


def cut(data):
    """All whole packets in front, and where they end."""
    packets, at, end = [], 0, len(data)
    while end - at >= 2:
        length = shift = 0
        body = at + 1
        while body < end:
            digit = data[body]
            body += 1
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                break
        else:
            break
        if body + length > end:
            break
        packets.append((data[at], data[body : body + length]))
        at = body + length
    return packets, at


class Publisher:
    """Publishes numbered payloads to one topic, as many unacknowledged as its window allows, as fast as it is let."""

    def __init__(self, port, number, level, qos, payload_bytes, window):
        self.number, self.level, self.qos, self.window = number, level, qos, window
        self.client_id, self.topic = f"publisher-{number}", f"load/{qos}/{number}"
        self.connection = Connection(port, level)
        self.padding = b"x" * (payload_bytes - NUMBERED.size)
        self.next = self.refused = self.closed = 0
        self.acknowledged = bytearray()
        # By packet identifier, which payload it stands for.
        self.under_way = {}
        self.free = deque(range(1, window + 1))
        self.is_ready = self.is_done = False
        self.connection.send(connect(level, self.client_id, True))

    def head(self, packet_id):
        properties = b"\0" if self.level == 5 else b""
        identifier = struct.pack(">H", packet_id) if self.qos else b""
        return text(self.topic) + identifier + properties

    def fill(self):
        """Puts as much into the socket's buffer as may be."""
        if not self.is_ready or self.is_done:
            return
        room = 64 * 1024 - len(self.connection.out)
        while room > 0 and (not self.qos or self.free):
            packet_id = self.free.popleft() if self.qos else 0
            data = packet(
                PUBLISH | self.qos << 1, self.head(packet_id), NUMBERED.pack(self.number, self.next), self.padding
            )
            if self.qos:
                self.under_way[packet_id] = self.next
                self.acknowledged.append(0)
            self.next += 1
            room -= len(data)
            self.connection.send(data)

    def take(self):
        for first_byte, body in self.connection.read():
            kind = first_byte & 0xF0
            if kind == CONNACK:
                self.is_ready = body[1] == 0
            elif kind == PUBACK:
                self.answered(body, body[2] if len(body) > 2 else 0)
            elif kind == PUBREC:
                if len(body) > 2 and body[2] >= 0x80:
                    self.answered(body, body[2])
                else:
                    # From here on it is the broker's.
                    self.acknowledged[self.under_way[body[0] << 8 | body[1]]] = 1
                    self.connection.send(b"\x62\x02" + body[:2])
            elif kind == PUBCOMP:
                self.answered(body, 0)
        self.closed += not self.connection.is_open

    def answered(self, body, reason):
        packet_id = body[0] << 8 | body[1]
        number = self.under_way.pop(packet_id)
        self.free.append(packet_id)
        if reason < 0x80:
            self.acknowledged[number] = 1
        else:
            self.refused += 1


class Subscriber:
    """Counts what comes of each publisher; takes as fast as it is told to, or not at all."""

    def __init__(self, port, client_id, filters, qos, level=5, is_clean=False):
        self.port, self.client_id, self.filters, self.qos, self.level = port, client_id, filters, qos, level
        self.is_clean = is_clean
        self.counts = {}
        # QoS 2 publications that have come and not been released, by packet identifier.
        self.unreleased = set()
        self.connection, self.is_subscribed, self.goodbyes, self.delivered = None, False, 0, 0

    def open(self):
        self.connection = Connection(self.port, self.level)
        self.connection.send(connect(self.level, self.client_id, self.is_clean))
        if not self.is_subscribed:
            self.connection.send(subscribe(self.level, self.filters, self.qos))

    def leave(self):
        """Goes without a word; what it has not acknowledged comes again."""
        if self.connection:
            self.connection.close()
        self.connection = None

    def end_session(self):
        """Leaves nothing behind at the broker."""
        self.leave()
        self.connection = Connection(self.port, self.level)
        self.connection.send(connect(self.level, self.client_id, True) + b"\xe0\x00")
        self.connection.socket.setblocking(True)
        self.connection.flush()
        while self.connection.is_open:
            self.connection.read()
        self.leave()

    def take(self, bytes_max=READ_BYTES):
        connection = self.connection
        for first_byte, body in connection.read(bytes_max):
            kind = first_byte & 0xF0
            if kind == PUBLISH:
                self.count(first_byte, body)
            elif kind == PUBREL:
                self.unreleased.discard(body[:2])
                connection.send(b"\x70\x02" + body[:2])
            elif kind == SUBACK:
                if body[-1] >= 0x80:
                    raise RuntimeError(f"{self.client_id} was not subscribed: 0x{body[-1]:02X}")
                self.is_subscribed = True
            elif kind == CONNACK and body[1]:
                raise RuntimeError(f"{self.client_id} was refused: 0x{body[1]:02X}")
            elif kind == DISCONNECT:
                self.goodbyes += 1
        connection.flush()

    def count(self, first_byte, body):
        qos = first_byte >> 1 & 3
        at = 2 + (body[0] << 8 | body[1])
        packet_id = body[at : at + 2]
        at += 2 if qos else 0
        at += 1 if self.level == 5 else 0
        publisher, number = NUMBERED.unpack_from(body, at)
        self.delivered += 1
        if qos == 1:
            self.connection.send(b"\x40\x02" + packet_id)
        if qos == 2:
            self.connection.send(b"\x50\x02" + packet_id)
            if packet_id in self.unreleased:
                return
            self.unreleased.add(packet_id)
        counts = self.counts.setdefault(publisher, bytearray())
        if number >= len(counts):
            counts.extend(bytes(number + 1 - len(counts)))
        counts[number] = min(255, counts[number] + 1)
