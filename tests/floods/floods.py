"""The floods: each a row of `FLOODS` and a function that does it, bounded in connections, packets and time.

A flood answers with what it did and what the broker must have counted for it, exactly. Whatever the broker should have
said and did not is `Unanswered`, or a line in `wrong`.
"""

import itertools
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import wire
from wire import Peer

# What the broker is told; every other bound keeps its default. Small numbers reach the bound sooner, they do not move it.
CONNECTIONS_MAX = 2_000
CONNECT_TIMEOUT_S = 1
QUEUE_MESSAGES_MAX = 1_000
PACKET_BYTES_MAX = 2 * 1024 * 1024
CONNECT_BYTES_MAX = 128 * 1024
TOPIC_LEVELS_MAX = 128
FILTER_SHAPES_MAX = 1_000

PACKET_TOO_LARGE, TAKEN_OVER, QUOTA_EXCEEDED, TOPIC_INVALID, FILTER_INVALID = 0x95, 0x8E, 0x97, 0x90, 0x8F
ROUNDS_MAX = 10_000
# Connections over the limit whose CONNECT the broker waits for, so as to refuse it in words; each can also be too late.
REFUSALS_WAITING_MAX = 64


@dataclass
class Field:
    """Where and how long."""

    port: int
    seconds: float
    subscriptions_max: int

    def __post_init__(self):
        self.deadline = time.monotonic() + self.seconds

    def rounds(self, at_least=1):
        """Numbers until the time is over, but at least so many."""
        for number in range(ROUNDS_MAX):
            if number >= at_least and time.monotonic() >= self.deadline:
                return
            yield number


@dataclass
class Done:
    """What a flood did, and what it must have moved: counters that are summed, and the number they come to."""

    did: str
    counted: list
    # So many more may be counted, where one connection can end in two of the ways that are summed.
    counted_twice_max: int = 0
    wrong: list = field(default_factory=list)

    def expect(self, what, answers, reason):
        """Every answer has to be this reason code."""
        others = sorted({answer for answer in answers if answer != reason})
        if others or not answers:
            said = ", ".join(f"0x{one:02X}" for one in others) or "nothing"
            self.wrong.append(f"{what}: answered {said}, not 0x{reason:02X}")


@dataclass(frozen=True)
class Flood:
    """One row: `bound` says which limit holds it."""

    name: str
    what: str
    bound: str
    run: callable


def half_open(at):
    """More connections than there may be, none of which says anything."""
    sockets = []
    with ExitStack() as stack:
        for _ in range(CONNECTIONS_MAX * 3 // 2):
            sockets.append(stack.enter_context(wire.dial(at.port)))
        all_ended = wire.wait_for_ends(sockets, at.seconds + wire.ANSWER_S)
    counted = [(("over_limit_total", "connect_timeouts_total"), len(sockets))]
    done = Done(f"{len(sockets)} connections", counted, REFUSALS_WAITING_MAX)
    if not all_ended:
        done.wrong.append("connections without a CONNECT were left open")
    return done


def slowloris(at):
    """A CONNECT that comes byte by byte and is never whole."""
    slow = wire.connect("slow", wire.user_properties(4000))
    sent = itertools.count()

    def drip(alive):
        byte = slow[next(sent) % 2000 : ][:1]
        for one in list(alive):
            try:
                one.send(byte)
            except OSError:
                pass

    opened, all_ended = 0, True
    for _ in at.rounds():
        with ExitStack() as stack:
            sockets = [stack.enter_context(wire.dial(at.port)) for _ in range(500)]
            sent = itertools.count()
            all_ended &= wire.wait_for_ends(sockets, CONNECT_TIMEOUT_S + wire.ANSWER_S, drip)
        opened += len(sockets)
    done = Done(f"{opened} connections, 500 at a time", [(("connect_timeouts_total",), opened)])
    if not all_ended:
        done.wrong.append("connections with an unfinished CONNECT were left open")
    return done


def oversized_properties(at):
    """CONNECT and PUBLISH with properties beyond what each may have, and below."""
    huge, large = wire.user_properties(PACKET_BYTES_MAX), wire.user_properties(PACKET_BYTES_MAX * 3 // 4)
    strange = wire.user_properties(CONNECT_BYTES_MAX * 3 // 4)
    # Only the beginning goes out: the fixed header already says that it is too large.
    huge_connect, huge_publish = wire.connect("huge", huge)[:4096], wire.publish("huge", b"", 2, huge)[:4096]
    answers, accepted = [], []
    for number in at.rounds():
        refused = Peer(at.port, huge_connect)
        answers.append(refused.goodbye())
        refused.close()
        peer = Peer(at.port, wire.connect(f"large{number % 50}", strange))
        accepted.append(peer.connack())
        peer.send(wire.publish("large", b"", 1, large))
        accepted.append(0 if peer.puback() in (0x00, 0x10) else 1)
        peer.send(huge_publish)
        answers.append(peer.goodbye())
        peer.close()
    did = f"{len(answers)} packets beyond the bound, {len(accepted)} of three quarters of it"
    done = Done(did, [(("protocol_errors_total",), len(answers))])
    done.expect("beyond packet_bytes_max", answers, PACKET_TOO_LARGE)
    done.expect("within packet_bytes_max", accepted, 0)
    return done


def subscribe_all(peer, filters, batch=4000):
    """Subscribes to all of them in as few packets as is wise; answers the reason codes."""
    codes, filters = b"", iter(filters)
    for number in itertools.count(1):
        some = list(itertools.islice(filters, batch))
        if not some:
            return codes
        peer.send(wire.subscribe(number % 60_000 + 1, some))
        codes += peer.suback()


def million_subscriptions(at):
    """Five clients with as many filters as one may have, a third of them with wildcards, and a hundred more each."""
    clients, more = 5, 100
    granted = refused = 0
    with ExitStack() as stack:
        for client in range(clients):
            peer = Peer(at.port, wire.connect(f"million{client}"))
            stack.callback(peer.close)
            peer.connack()
            total = at.subscriptions_max + more
            filters = (f"m/{client}/{n}/+" if n % 3 == 0 else f"m/{client}/{n}/x" for n in range(total))
            codes = subscribe_all(peer, filters)
            granted, refused = granted + codes.count(0), refused + codes.count(QUOTA_EXCEEDED)
    done = Done(f"{granted:,} subscriptions of {clients} clients", [(("subscriptions_refused_total",), clients * more)])
    if (granted, refused) != (clients * at.subscriptions_max, clients * more):
        done.wrong.append(f"{granted:,} subscriptions granted and {refused} refused 0x97")
    return done


def deep_topics(at):
    """Names and filters with too many levels, and filters with just as many as there may be, every level a new word."""
    peer = Peer(at.port, wire.connect("deep"))
    peer.connack()
    too_deep = "/".join("a" * (TOPIC_LEVELS_MAX + 1))
    published, subscribed, allowed = [], b"", b""
    for number in at.rounds():
        for _ in range(50):
            peer.send(wire.publish(too_deep, b"", 7))
        published += [peer.puback() for _ in range(50)]
        subscribed += subscribe_all(peer, [too_deep, "+/" * TOPIC_LEVELS_MAX + "#"] * 50)
        if number < 40:
            words = (f"{number:x}.{n:x}." for n in range(50))
            deep = ["/".join(f"{word}{level:x}" for level in range(TOPIC_LEVELS_MAX)) for word in words]
            allowed += subscribe_all(peer, deep)
    peer.close()
    refused = len(published) + len(subscribed)
    did = f"{refused:,} topics refused, {len(allowed):,} filters of {TOPIC_LEVELS_MAX} new words granted"
    done = Done(did, [(("topics_refused_total",), refused)])
    done.expect("PUBLISH", published, TOPIC_INVALID)
    done.expect("SUBSCRIBE", subscribed, FILTER_INVALID)
    done.expect("SUBSCRIBE within bounds", allowed, 0)
    return done


def wildcard_bomb(at):
    """As many filters of `+` and `a` in all their orders as one may have subscriptions: one topic would match all of them,
    each a shape of its own, which is what finding filters by their shape cannot help with. So not all are granted."""
    peer = Peer(at.port, wire.connect("bomb"))
    peer.connack()
    levels = at.subscriptions_max.bit_length()
    orders = itertools.product("+a", repeat=levels)
    filters = ("/".join(order) for order in itertools.islice(orders, at.subscriptions_max))
    codes = subscribe_all(peer, filters)
    topic, sent = "/".join("a" * levels), 0
    for _ in at.rounds():
        peer.send(wire.publish(topic, b"", 9))
        peer.puback()
        sent += 1
        # Ten a second is not much to send: it is what each of them costs that counts.
        time.sleep(0.1)
    peer.close()
    did = f"{codes.count(0):,} filters that match one topic, {sent} messages to it"
    done = Done(did, [(("filter_shapes_refused_total",), len(codes) - FILTER_SHAPES_MAX)])
    done.expect("filters within bounds", codes[:FILTER_SHAPES_MAX], 0)
    done.expect("filters beyond", codes[FILTER_SHAPES_MAX:], QUOTA_EXCEEDED)
    return done


def will_storm(at):
    """Clients that all vanish at once, each with a will, before subscribers that acknowledge nothing."""
    watchers, crowd, window = 3, 400, 10
    wills = 0
    with ExitStack() as stack:
        for number in range(watchers):
            allows = bytes([wire.RECEIVE_MAXIMUM, 0, window])
            peer = Peer(at.port, wire.connect(f"watcher{number}", allows))
            stack.callback(peer.close)
            peer.connack()
            peer.send(wire.subscribe(1, ["wills/#"], qos=1))
            peer.suback()
        # Enough that the watchers' queues are full however short the time is.
        for _ in at.rounds(at_least=4):
            will = ("wills/storm", b"w" * 1000)
            peers = [Peer(at.port, wire.connect(f"willing{number}", will=will)) for number in range(crowd)]
            for peer in peers:
                peer.connack()
            for peer in peers:
                peer.abort()
            wills += crowd
        # Only what has come to the watchers has been published: wait for it before they go and their queues with them.
        settle(at.port)
    dropped = watchers * (wills - QUEUE_MESSAGES_MAX - window)
    counted = [(("wills_published_total",), wills), (("dropped_queue_messages_total",), dropped)]
    return Done(f"{wills:,} wills, {crowd} at once", counted)


def settle(port):
    """Until the broker has seen all resets: it handles what comes in order, so what a new client says it sees later."""
    peer = Peer(port, wire.connect("settle"))
    peer.connack()
    peer.send(wire.packet(wire.PINGREQ))
    peer.next(wire.PINGRESP)
    peer.close()


def takeover_war(at):
    """Fifty client identifiers, each claimed again and again; the loser is told so."""
    identifiers, takeovers, answers = 50, 0, []
    holders = {}
    for _ in at.rounds(at_least=2):
        for number in range(identifiers):
            rival = Peer(at.port, wire.connect(f"throne{number}"))
            rival.connack()
            loser, holders[number] = holders.get(number), rival
            if loser:
                takeovers += 1
                answers.append(loser.goodbye())
                loser.close()
    for peer in holders.values():
        peer.close()
    done = Done(f"{takeovers:,} takeovers of {identifiers} identifiers", [(("takeovers_total",), takeovers)])
    done.expect("the one taken over", answers, TAKEN_OVER)
    return done


FLOODS = (
    Flood("half-open", "connections that say nothing, more than there may be", "connections_max, connect_timeout", half_open),
    Flood("slowloris", "CONNECT byte by byte, never whole", "connect_timeout", slowloris),
    Flood("properties", "properties beyond packet_bytes_max", "0x95", oversized_properties),
    Flood("subscriptions", "subscriptions_max filters from each of five", "0x97", million_subscriptions),
    Flood("levels", "topics of too many levels, filters of new words", "0x90, 0x8F", deep_topics),
    Flood("wildcards", "one topic that matches all filters one may have", "filter_shapes_max", wildcard_bomb),
    Flood("wills", "wills of many at once, nobody takes them", "queue_messages_max", will_storm),
    Flood("takeovers", "client identifiers claimed again and again", "0x8E", takeover_war),
)
