"""MQTT 5.0 by hand: as much as a hostile client needs, over a plain socket."""

import select
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients"))
from packets import binary, packet, text, variable  # noqa: E402

HOST = "127.0.0.1"
# How long any one answer may take: not a measurement, only what keeps a broken broker from holding the run.
ANSWER_S = 30

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
PINGREQ, PINGRESP, DISCONNECT = 0xC0, 0xD0, 0xE0
USER_PROPERTY, RECEIVE_MAXIMUM = 0x26, 0x21


class Unanswered(Exception):
    """The broker did not say what it has to say."""


def block(properties):
    """A block of properties with its length."""
    return variable(len(properties)) + properties


def user_properties(bytes_min):
    """User properties of so many bytes or a few more."""
    one = bytes([USER_PROPERTY]) + text("name") + binary(b"v" * 1000)
    return one * (bytes_min // len(one) + 1)


def connect(client_id, properties=b"", will=None):
    """A CONNECT with Clean Start; `will` is a topic and a payload, QoS 1."""
    flags = 0x02 | (0x0C if will else 0)
    last = block(b"") + text(will[0]) + binary(will[1]) if will else b""
    return packet(CONNECT, text("MQTT"), bytes([5, flags]), b"\0\0", block(properties), text(client_id), last)


def subscribe(packet_id, filters, qos=0):
    options = bytes([qos])
    return packet(SUBSCRIBE, struct.pack(">H", packet_id), block(b""), *(text(one) + options for one in filters))


def publish(topic, payload, packet_id=None, properties=b""):
    """QoS 1 if there is a packet identifier, else QoS 0."""
    if packet_id is None:
        return packet(PUBLISH, text(topic), block(properties), payload)
    return packet(PUBLISH | 0x02, text(topic), struct.pack(">H", packet_id), block(properties), payload)


def dial(port):
    """A connection that has said nothing."""
    return socket.create_connection((HOST, port), timeout=ANSWER_S)


class Peer:
    """One connection and what has come over it."""

    def __init__(self, port, first=b""):
        self.socket = dial(port)
        self.buffer = b""
        if first:
            self.socket.sendall(first)

    def send(self, data):
        self.socket.sendall(data)

    def next(self, *wanted):
        """The next packet of one of these types as (first byte, body); others are passed over."""
        while True:
            first_byte, body = self.take()
            if not wanted or first_byte & 0xF0 in [one & 0xF0 for one in wanted]:
                return first_byte, body

    def take(self):
        while True:
            cut = cut_packet(self.buffer)
            if cut:
                first_byte, body, self.buffer = cut
                return first_byte, body
            came = self.socket.recv(65536)
            if not came:
                raise Unanswered("the broker closed the connection where an answer is due")
            self.buffer += came

    def connack(self):
        """The reason code of CONNACK."""
        return self.next(CONNACK)[1][1]

    def suback(self):
        """The reason codes of SUBACK."""
        body = self.next(SUBACK)[1]
        return body[3 + body[2] :] if body[2] < 0x80 else b""

    def puback(self):
        """The reason code of PUBACK, which says success by leaving it out."""
        body = self.next(PUBACK)[1]
        return body[2] if len(body) > 2 else 0

    def goodbye(self):
        """The reason code of the DISCONNECT or CONNACK that ends the connection, and its end."""
        first_byte, body = self.next(DISCONNECT, CONNACK)
        reason = body[0] if first_byte & 0xF0 == DISCONNECT else body[1]
        if not wait_for_ends([self.socket], ANSWER_S):
            raise Unanswered(f"said 0x{reason:02X} and left the connection open")
        return reason

    def abort(self):
        """Ends without a word, by a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


def cut_packet(buffer):
    """The packet at the front as (first byte, body, what follows); None if it is not whole."""
    length = shift = 0
    for at, digit in enumerate(buffer[1:5]):
        length |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            end = 2 + at + length
            return (buffer[0], buffer[2 + at : end], buffer[end:]) if len(buffer) >= end else None
    return None


def wait_for_ends(sockets, seconds, send=None):
    """Reads until the broker has closed every one; answers whether it has. `send` is called now and then meanwhile."""
    poll = select.poll()
    waiting = {one.fileno(): one for one in sockets}
    for number in waiting:
        poll.register(number, select.POLLIN)
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        for number, _ in poll.poll(100):
            if is_at_end(waiting[number]):
                poll.unregister(number)
                del waiting[number]
        if send:
            send(waiting.values())
    return not waiting


def is_at_end(one):
    try:
        return not one.recv(65536)
    except OSError:
        return True
