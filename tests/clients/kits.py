"""Real clients behind one face, so that each check is written once.

A kit has a `name` and the methods `subscribe(...) -> subscriber` and `publish(...)`. A subscriber has `next()`, the next
`Message` it gets; `close()`, which says goodbye; and `cut()`, which does not. Each returns only when the broker has
confirmed what can be confirmed, so that no check has to sleep.
"""

import base64
import dataclasses
import json
import os
import queue
import signal
import socket
import subprocess
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker import HOST

VERSIONS = ["3.1", "3.1.1", "5.0"]
SESSION_EXPIRY_S = 300
# Longer than any check may take: the check's own limit speaks first.
PATIENCE_S = 60


# paho says what clients before 5.0 were told at CONNECT in the codes of 5.0.
OLD_CODES = {0x80: 3, 0x84: 1, 0x85: 2, 0x86: 4, 0x87: 5, 0x88: 3}


class ClientError(Exception):
    """A client was refused, or ended when it should not; with the code it was told, if the kit says which."""

    def __init__(self, text, code=None):
        super().__init__(text)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool = False

    def __repr__(self):
        payload = self.payload if len(self.payload) <= 40 else f"{len(self.payload)} bytes"
        return f"Message({self.topic!r}, {payload!r}, qos={self.qos}, retain={self.retain})"


@dataclasses.dataclass(frozen=True)
class Options:
    """How a subscriber connects; a client id makes its session one that stays."""

    client_id: str = ""
    will: Message | None = None
    inbox: "Inbox | Tagged | None" = None
    # A kit that can say goodbye only after so many messages needs to know how many. Stopped by a signal, mosquitto_sub
    # disconnects a 5.0 session "with will message".
    goodbye_after: int = 0

    def inbox_or_new(self):
        return Inbox() if self.inbox is None else self.inbox


class Inbox:
    """What arrived, filled by another thread; an exception in it is raised where it is read."""

    def __init__(self):
        self.waiting = queue.Queue()

    def put(self, item):
        self.waiting.put(item)

    def next(self):
        item = self.waiting.get(timeout=PATIENCE_S)
        if isinstance(item, Exception):
            raise item
        return item


class Tagged:
    """One of several that fill the same inbox: what it puts there carries its tag."""

    def __init__(self, tag, inbox):
        self.tag, self.inbox = tag, inbox

    def put(self, item):
        self.inbox.put(item if isinstance(item, Exception) else (self.tag, item))


class Mosquitto:
    """mosquitto_pub and mosquitto_sub, a process for each."""

    name = "mosquitto"
    versions = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def words(self, program, version):
        endpoint = self.endpoint
        words = [program, "-h", HOST, "-p", str(endpoint.port), "-V", self.versions[version]]
        words += ["--cafile", endpoint.ca] if endpoint.ca else []
        words += ["--cert", endpoint.certificate, "--key", endpoint.key] if endpoint.certificate else []
        words += ["-u", endpoint.username, "-P", endpoint.password] if endpoint.username else []
        return words

    def publish(self, version, message):
        words = self.words("mosquitto_pub", version) + ["-t", message.topic, "-q", str(message.qos)]
        words += ["-r"] if message.retain else []
        words += ["-s"] if message.payload else ["-n"]
        run = subprocess.run(words, input=message.payload, capture_output=True, check=False)
        said = run.stderr.decode(errors="replace")
        if run.returncode != 0:
            raise ClientError(f"{' '.join(words)}: exit code {run.returncode}: {said}", run.returncode)
        if "failed: Not authorized" in said:
            # What PUBACK says it says in words alone, and its exit code is 0.
            raise ClientError(f"mosquitto_pub: {said}", 0x87)

    def subscribe(self, version, topic_filter, qos, options=Options()):
        # Lines at once (stdbuf) and debug output (-d), which says when the subscription is confirmed.
        words = ["stdbuf", "-oL"] + self.words("mosquitto_sub", version)
        words += ["-d", "-t", topic_filter, "-q", str(qos), "-F", "MESSAGE %q %r %t %x"]
        if options.client_id:
            words += ["-i", options.client_id, "-c"]
            words += ["-x", str(SESSION_EXPIRY_S)] if version == "5.0" else []
        if options.will:
            will = options.will
            words += ["--will-topic", will.topic, "--will-payload", will.payload.decode(), "--will-qos", str(will.qos)]
        if options.goodbye_after:
            words += ["-C", str(options.goodbye_after)]
        return MosquittoSubscriber(words, options.inbox_or_new(), signal.SIGINT if not options.goodbye_after else None)

    def close(self):
        pass


class MosquittoSubscriber:
    def __init__(self, words, inbox, goodbye):
        self.inbox, self.confirmed, self.goodbye = inbox, Inbox(), goodbye
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()
        try:
            self.confirmed.next()
        except BaseException:
            self.cut()
            raise

    def read(self):
        said = []
        for line in self.process.stdout:
            line = line.decode(errors="replace").rstrip("\n")
            if line.startswith("MESSAGE "):
                _, qos, retain, rest = line.split(" ", 3)
                # The payload is in hexadecimal, so that a blank in the topic is no doubt.
                topic, payload = rest.rsplit(" ", 1)
                self.inbox.put(Message(topic, bytes.fromhex(payload), int(qos), retain == "1"))
            elif line.startswith("Subscribed "):
                code = int(line.rsplit(" ", 1)[1])
                refused = ClientError(f"mosquitto_sub: {line}", code)
                self.confirmed.put("subscribed" if code < 0x80 else refused)
            else:
                said.append(line)
        ended = ClientError("mosquitto_sub ended; it said: " + " / ".join(said[-10:]))
        self.inbox.put(ended)
        self.confirmed.put(ended)

    def next(self):
        return self.inbox.next()

    def close(self):
        self.end(self.goodbye)

    def cut(self):
        self.end(signal.SIGKILL)

    def end(self, how):
        """By a signal, or without one if it ends by itself; a check that failed must not leave it behind."""
        if how is not None:
            self.process.send_signal(how)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Paho:
    """paho-mqtt in this process, a thread for each client."""

    name = "paho"
    versions = {"3.1": paho.MQTTv31, "3.1.1": paho.MQTTv311, "5.0": paho.MQTTv5}

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def publish(self, version, message):
        client = PahoClient(self, version, Options())
        try:
            sent = client.client.publish(message.topic, message.payload, message.qos, message.retain)
            sent.wait_for_publish(PATIENCE_S)
            if not sent.is_published():
                raise ClientError(f"paho: {message} was not confirmed")
            code = client.published.next()
            if code.is_failure:
                raise ClientError(f"paho: {message} was refused: {code}", code.value)
        finally:
            client.close()

    def subscribe(self, version, topic_filter, qos, options=Options()):
        client = PahoClient(self, version, options)
        client.client.subscribe(topic_filter, qos)
        codes = client.confirmed.next()
        if any(code.is_failure for code in codes):
            client.close()
            raise ClientError(f"paho: subscription refused: {codes}", codes[0].value)
        return client

    def close(self):
        pass


class PahoClient:
    def __init__(self, kit, version, options):
        self.inbox, self.confirmed, self.connected = options.inbox_or_new(), Inbox(), Inbox()
        self.published = Inbox()
        arguments = {"protocol": kit.versions[version], "reconnect_on_failure": False}
        if version != "5.0":
            arguments["clean_session"] = not options.client_id
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, options.client_id or fresh_id("p"), **arguments)
        self.client.on_connect = lambda _client, _data, _flags, reason, _properties: self.connected.put(reason)
        self.client.on_subscribe = lambda _client, _data, _id, codes, _properties: self.confirmed.put(codes)
        self.client.on_publish = lambda _client, _data, _id, reason, _properties: self.published.put(reason)
        self.client.on_message = self.on_message
        self.client.on_disconnect = self.on_disconnect
        if options.will:
            self.client.will_set(options.will.topic, options.will.payload, options.will.qos)
        connect = {}
        if version == "5.0":
            connect["clean_start"] = not options.client_id
            connect["properties"] = Properties(PacketTypes.CONNECT)
            connect["properties"].SessionExpiryInterval = SESSION_EXPIRY_S if options.client_id else 0
        if kit.endpoint.ca:
            self.client.tls_set(kit.endpoint.ca, kit.endpoint.certificate or None, kit.endpoint.key or None)
        if kit.endpoint.username:
            self.client.username_pw_set(kit.endpoint.username, kit.endpoint.password)
        self.client.connect(HOST, kit.endpoint.port, **connect)
        self.client.loop_start()
        reason = self.connected.next()
        if reason.is_failure:
            self.close()
            code = reason.value if version == "5.0" else OLD_CODES[reason.value]
            raise ClientError(f"paho: connection refused: {reason}", code)

    def on_message(self, _client, _data, message):
        self.inbox.put(Message(message.topic, message.payload, message.qos, message.retain))

    def on_disconnect(self, _client, _data, _flags, reason, _properties):
        ended = ClientError(f"paho: disconnected: {reason}")
        for inbox in (self.inbox, self.confirmed, self.connected):
            inbox.put(ended)

    def next(self):
        return self.inbox.next()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def cut(self):
        open_socket = self.client.socket()
        if open_socket is not None:
            open_socket.shutdown(socket.SHUT_RDWR)
        self.client.loop_stop()


class MqttJs:
    """The npm package `mqtt` in one node process, told what to do in lines of JSON."""

    name = "mqtt.js"

    def __init__(self, endpoint, modules):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mqttjs.js")
        environment = dict(os.environ, NODE_PATH=modules)
        self.process = subprocess.Popen(
            ["node", script, HOST, str(endpoint.port), *endpoint.files, endpoint.username, endpoint.password],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.answers, self.inboxes = {}, {}
        self.count = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            number = event["client"]
            if event["event"] == "message":
                payload = base64.b64decode(event["payload"])
                message = Message(event["topic"], payload, event["qos"], event["retain"])
                self.inboxes[number].put(message)
            elif event["event"] == "failed":
                self.answers[number].put(ClientError(f"mqtt.js: {event['why']}", event["code"]))
            else:
                self.answers[number].put(event["event"])
        for inbox in [*self.answers.values(), *self.inboxes.values()]:
            inbox.put(ClientError("mqtt.js: the node process ended"))

    def tell(self, number, action, **words):
        command = {"client": number, "action": action, **words}
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()
        return self.answers[number].next()

    def number(self, inbox=None):
        self.count += 1
        self.answers[self.count], self.inboxes[self.count] = Inbox(), inbox or Inbox()
        return self.count

    def publish(self, version, message):
        self.tell(self.number(), "publish", version=version, clientId=fresh_id("j"), message=as_json(message))

    def subscribe(self, version, topic_filter, qos, options=Options()):
        number = self.number(options.inbox_or_new())
        self.tell(
            number,
            "subscribe",
            version=version,
            filter=topic_filter,
            qos=qos,
            clientId=options.client_id or fresh_id("j"),
            sessionExpiry=SESSION_EXPIRY_S if options.client_id else 0,
            will=as_json(options.will) if options.will else None,
        )
        return MqttJsSubscriber(self, number)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class MqttJsSubscriber:
    def __init__(self, kit, number):
        self.kit, self.number = kit, number

    def next(self):
        return self.kit.inboxes[self.number].next()

    def close(self):
        self.kit.tell(self.number, "close")

    def cut(self):
        self.kit.tell(self.number, "cut")


def as_json(message):
    return {**dataclasses.asdict(message), "payload": base64.b64encode(message.payload).decode()}


def fresh_id(prefix):
    """At most 23 letters and digits, as MQTT 3.1 wants it."""
    return prefix + os.urandom(8).hex()
