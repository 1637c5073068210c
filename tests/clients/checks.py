"""What a client may expect of a broker, written once for all kits and versions.

Each check gets a `Stage`, which hands out topics and ends what was started. A check returns when it has seen what it
wants and raises otherwise. "Nothing arrives" is checked by a marker published later on the same way: it has to be first.
"""

import dataclasses
import functools

from kits import VERSIONS, Inbox, Message, Options, Tagged, fresh_id

LARGE_BYTES = 1024 * 1024
OFFLINE_MESSAGES = 20
SHARED_MESSAGES = 40


class Stage:
    """One check's surroundings: a kit, a version, a topic of its own."""

    def __init__(self, kit, version):
        self.kit, self.version = kit, version
        self.topic = "check/" + fresh_id("t")
        self.started = []

    def subscribe(self, topic_filter, qos, **options):
        subscriber = self.kit.subscribe(self.version, topic_filter, qos, Options(**options))
        self.started.append(subscriber)
        return subscriber

    def publish(self, *words):
        message = Message(*words)
        self.kit.publish(self.version, message)
        return message

    def end(self, subscriber, how="close"):
        self.started.remove(subscriber)
        getattr(subscriber, how)()

    def close(self):
        while self.started:
            self.started.pop().close()


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"expected {wanted}, got {found}")


def delivers(qos, stage):
    subscriber = stage.subscribe(stage.topic + "/#", qos)
    for number in range(5):
        sent = stage.publish(f"{stage.topic}/{number}", b"payload %d" % number, qos)
        expect(subscriber.next(), sent)


def lowers_qos(stage):
    subscriber = stage.subscribe(stage.topic, 1)
    sent = stage.publish(stage.topic, b"twice is too much", 2)
    expect(subscriber.next(), dataclasses.replace(sent, qos=1))


def matches_wildcards(stage):
    subscriber = stage.subscribe(stage.topic + "/+/b", 1)
    stage.publish(stage.topic + "/a/c", b"no", 1)
    stage.publish(stage.topic + "/a/a/b", b"no", 1)
    sent = stage.publish(stage.topic + "/a/b", b"yes", 1)
    expect(subscriber.next(), sent)


def keeps_retained(stage):
    sent = stage.publish(stage.topic, b"kept", 1, True)
    subscriber = stage.subscribe(stage.topic, 1)
    expect(subscriber.next(), sent)
    # Who is subscribed already gets it as any other message.
    live = stage.publish(stage.topic, b"newer", 1, True)
    expect(subscriber.next(), dataclasses.replace(live, retain=False))
    expect(stage.subscribe(stage.topic, 1).next(), live)


def deletes_retained(stage):
    stage.publish(stage.topic, b"kept", 1, True)
    stage.publish(stage.topic, b"", 1, True)
    subscriber = stage.subscribe(stage.topic, 1)
    sent = stage.publish(stage.topic, b"marker", 1)
    expect(subscriber.next(), sent)


def sends_will(stage):
    watcher = stage.subscribe(stage.topic + "/will", 1)
    will = Message(stage.topic + "/will", "gone ☠".encode(), 1)
    stage.end(stage.subscribe(stage.topic + "/other", 0, will=will), "cut")
    expect(watcher.next(), will)


def forgets_will(stage):
    watcher = stage.subscribe(stage.topic + "/will", 1)
    will = Message(stage.topic + "/will", b"gone", 1)
    leaver = stage.subscribe(stage.topic + "/other", 1, will=will, goodbye_after=1)
    leave = stage.publish(stage.topic + "/other", b"leave", 1)
    expect(leaver.next(), leave)
    stage.end(leaver, "close")
    sent = stage.publish(stage.topic + "/will", b"marker", 1)
    expect(watcher.next(), sent)


def keeps_session(qos, how, stage):
    client_id = fresh_id("s")
    stage.end(stage.subscribe(stage.topic, qos, client_id=client_id), how)
    sent = [stage.publish(stage.topic, b"offline %d" % number, qos) for number in range(OFFLINE_MESSAGES)]
    subscriber = stage.subscribe(stage.topic, qos, client_id=client_id)
    expect([subscriber.next() for _ in sent], sent)
    marker = stage.publish(stage.topic, b"marker", qos)
    expect(subscriber.next(), marker)


def shares(stage):
    topic_filter = "$share/group/" + stage.topic
    common = Inbox()
    for member in range(2):
        stage.subscribe(topic_filter, 1, inbox=Tagged(member, common))
    witness = stage.subscribe(stage.topic, 1)
    sent = [stage.publish(stage.topic, b"shared %d" % number, 1) for number in range(SHARED_MESSAGES)]
    expect([witness.next() for _ in sent], sent)
    got = [common.next() for _ in sent]
    expect(sorted(message.payload for _, message in got), sorted(message.payload for message in sent))
    if {member for member, _ in got} != {0, 1}:
        raise AssertionError(f"one member got all of {len(sent)} messages")
    marker = stage.publish(stage.topic, b"marker", 1)
    expect(common.next()[1], marker)


def carries_large(qos, stage):
    subscriber = stage.subscribe(stage.topic, qos)
    sent = stage.publish(stage.topic, bytes(range(256)) * (LARGE_BYTES // 256), qos)
    expect(subscriber.next(), sent)


def carries_utf8(stage):
    topic = stage.topic + "/Grüße/日本/🚲 und mehr"
    subscriber = stage.subscribe(stage.topic + "/Grüße/+/#", 2)
    sent = stage.publish(topic, "我发送消息了 👋".encode(), 2)
    expect(subscriber.next(), sent)


def mixes(other, stage):
    """Published with one version, received with another."""
    subscriber = stage.subscribe(stage.topic, 2)
    for qos in (0, 1, 2):
        sent = Message(stage.topic, b"across versions", qos)
        stage.kit.publish(other, sent)
        expect(subscriber.next(), sent)


def checks_of(version):
    """Names and checks for one version of the protocol."""
    checks = {f"delivers at QoS {qos}": functools.partial(delivers, qos) for qos in (0, 1, 2)}
    checks["lowers QoS 2 to a subscription at 1"] = lowers_qos
    checks["matches + in the middle"] = matches_wildcards
    checks["keeps a retained message for a later subscriber"] = keeps_retained
    checks["deletes a retained message by an empty payload"] = deletes_retained
    checks["sends the will of a client that is cut off"] = sends_will
    checks["forgets the will of a client that says goodbye"] = forgets_will
    for qos in (1, 2):
        checks[f"keeps a session's messages at QoS {qos}"] = functools.partial(keeps_session, qos, "close")
    checks["keeps the session of a client that is cut off"] = functools.partial(keeps_session, 1, "cut")
    if version == "5.0":
        checks["shares a subscription between two members"] = shares
    for qos in (0, 1, 2):
        checks[f"carries 1 MiB at QoS {qos}"] = functools.partial(carries_large, qos)
    checks["carries UTF-8 in topic and payload"] = carries_utf8
    for other in VERSIONS:
        if other != version:
            checks[f"receives what {other} published"] = functools.partial(mixes, other)
    return checks
