//! What must, may and must not happen, said as naively as possible: the judge of the swarm.
//!
//! The model sees only what clients send and receive. Between two rests of the world much may be in either order, so it
//! knows two sets: what *may* be (every delivery must be explained by a subscription that may have been there) and what
//! *must* be (judged at rest: a subscription that was surely there the whole time has got everything).

mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use corecast::mqtt::{matches, QoS};

/// A message by its number: its payload begins with it.
pub(crate) type MessageNumber = usize;

/// What a subscription asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    /// 0: none.
    pub(crate) identifier: u32,
    /// Retained messages are wanted whenever it is made.
    pub(crate) wants_retained: bool,
    /// When SUBSCRIBE was sent.
    pub(crate) sent: u64,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Plain,
    /// Through the shared subscription with this identifier.
    Share(u32),
    Retained,
}

/// Something that was published, or will be if its client breaks off.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) publisher: usize,
    pub(crate) topic: &'static str,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) is_will: bool,
    pub(crate) may_expire: bool,
    /// An empty payload deletes the retained message.
    pub(crate) is_empty: bool,
    /// From when on it may be delivered.
    pub(crate) sent: u64,
    /// Surely published, at `must_from` or later.
    pub(crate) accepted: bool,
    pub(crate) must_from: u64,
    /// How often it may have been published: more than once only with QoS 1.
    pub(crate) attempts: u32,
    /// It may not be delivered at all: a will that was taken back.
    pub(crate) forbidden: bool,
    /// When it surely was no longer the retained message of its topic.
    pub(crate) replaced: Option<u64>,
}

impl Message {
    /// A publication that must come from now on if it is accepted.
    pub(crate) fn new(publisher: usize, topic: &'static str, qos: QoS, now: u64) -> Message {
        Message {
            publisher,
            topic,
            qos,
            retain: false,
            is_will: false,
            may_expire: false,
            is_empty: false,
            sent: now,
            accepted: false,
            must_from: now,
            attempts: 1,
            forbidden: false,
            replaced: None,
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message { publisher, topic, qos, sent, must_from, attempts, .. } = self;
        write!(formatter, "{topic} {qos:?} of {publisher} at {sent}")?;
        for (is, name) in [(self.retain, "retain"), (self.is_empty, "empty"), (self.may_expire, "expires")] {
            write!(formatter, "{}{}", if is { " " } else { "" }, if is { name } else { "" })?;
        }
        write!(formatter, " attempts={attempts} must_from={must_from}")
    }
}

/// What came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery<'a> {
    pub(crate) number: MessageNumber,
    pub(crate) topic: &'a str,
    pub(crate) qos: QoS,
    pub(crate) dup: bool,
    pub(crate) way: Way,
    pub(crate) identifiers: &'a [u32],
}

/// One filter of a session.
#[derive(Debug, Default)]
struct Filter {
    /// What it may be at the server now.
    now: Vec<Wish>,
    /// What it may have been, each with when it surely was no more.
    past: Vec<(Wish, u64)>,
    /// Since when it is surely there.
    sure_since: Option<u64>,
}

/// The session of one client.
#[derive(Debug, Default)]
struct Session {
    number: u32,
    filters: BTreeMap<&'static str, Filter>,
    /// Since when its client is surely connected, without a break.
    connected_since: Option<u64>,
}

/// Retained messages a new subscription surely gets if nothing intervenes.
#[derive(Debug)]
struct Owed {
    client: usize,
    session: u32,
    filter: &'static str,
    number: MessageNumber,
    qos: QoS,
    sent: u64,
    /// SUBACK has come.
    is_sure: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Receipt {
    count: u32,
    /// Without what was sent again with QoS 1.
    fresh: u32,
}

/// Receiver and its session, then what came and how.
type ReceiptKey = (usize, u32, MessageNumber, Way);

/// The last message in order: receiver, session, publisher, topic, QoS published, QoS delivered.
type OrderKey = (usize, u32, usize, &'static str, QoS, QoS);

#[derive(Debug)]
pub(crate) struct Model {
    /// Counts everything that happens.
    pub(crate) step: u64,
    pub(crate) messages: Vec<Message>,
    sessions: Vec<Session>,
    receipts: BTreeMap<ReceiptKey, Receipt>,
    order: BTreeMap<OrderKey, MessageNumber>,
    /// The retained messages at the last rest.
    retained: BTreeMap<&'static str, MessageNumber>,
    owed: Vec<Owed>,
    /// Shared subscriptions of which a session may have ended, with when.
    bereaved: BTreeMap<&'static str, u64>,
    /// The step of the last rest.
    phase_began: u64,
    /// The first message not judged yet.
    unjudged: MessageNumber,
    /// Wills whose time has come since the last rest.
    wills: Vec<MessageNumber>,
    pub(crate) misses: Vec<String>,
}

impl Model {
    pub(crate) fn new(clients: usize) -> Model {
        Model {
            step: 1,
            messages: Vec::new(),
            sessions: (0..clients).map(|_| Session::default()).collect(),
            receipts: BTreeMap::new(),
            order: BTreeMap::new(),
            retained: BTreeMap::new(),
            owed: Vec::new(),
            bereaved: BTreeMap::new(),
            phase_began: 0,
            unjudged: 0,
            wills: Vec::new(),
            misses: Vec::new(),
        }
    }

    pub(crate) fn add_message(&mut self, message: Message) -> MessageNumber {
        self.messages.push(message);
        self.messages.len() - 1
    }

    /// A client broke off: its will is published now or later.
    pub(crate) fn will_is_due(&mut self, number: MessageNumber) {
        let message = &mut self.messages[number];
        message.accepted = true;
        message.must_from = self.step;
        self.wills.push(number);
    }

    pub(crate) fn online(&mut self, client: usize) {
        self.sessions[client].connected_since = Some(self.step);
    }

    pub(crate) fn offline(&mut self, client: usize) {
        self.sessions[client].connected_since = None;
    }

    /// The session of a client is surely a new one from now on.
    pub(crate) fn new_session(&mut self, client: usize) {
        self.session_may_end(client);
        let session = &mut self.sessions[client];
        session.number += 1;
        session.filters.clear();
    }

    /// From now on what was for the session of a client may go to other members of its shared subscriptions.
    pub(crate) fn session_may_end(&mut self, client: usize) {
        for filter in self.sessions[client].filters.keys().filter(|filter| filter.starts_with("$share")) {
            self.bereaved.insert(filter, self.step);
        }
    }

    pub(crate) fn subscribe_sent(&mut self, client: usize, filter: &'static str, wish: Wish) {
        let session = &mut self.sessions[client];
        session.filters.entry(filter).or_default().now.push(wish);
        self.owed.retain(|owed| owed.client != client || owed.filter != filter);
        if !wish.wants_retained || filter.starts_with("$share") {
            return;
        }
        let matching = self.retained.iter().filter(|(topic, _)| matches(filter, topic));
        for (_, number) in matching.filter(|(_, number)| !self.messages[**number].may_expire) {
            let qos = wish.qos.min(self.messages[*number].qos);
            let session = session.number;
            self.owed.push(Owed { client, session, filter, number: *number, qos, sent: self.step, is_sure: false });
        }
    }

    /// SUBACK has come: only the last wish holds.
    pub(crate) fn subscribed(&mut self, client: usize, filter: &'static str) {
        let step = self.step;
        let owed = self.owed.iter_mut().filter(|owed| owed.client == client && owed.filter == filter);
        owed.for_each(|owed| owed.is_sure = true);
        let Some(filter) = self.sessions[client].filters.get_mut(filter) else { return };
        let last = filter.now.pop();
        filter.past.extend(filter.now.drain(..).map(|wish| (wish, step)));
        filter.now.extend(last);
        filter.sure_since.get_or_insert(step);
    }

    pub(crate) fn unsubscribe_sent(&mut self, client: usize, filter: &'static str) {
        if let Some(filter) = self.sessions[client].filters.get_mut(filter) {
            filter.sure_since = None;
        }
        self.owed.retain(|owed| owed.client != client || owed.filter != filter);
    }

    pub(crate) fn unsubscribed(&mut self, client: usize, filter: &'static str) {
        let step = self.step;
        if let Some(filter) = self.sessions[client].filters.get_mut(filter) {
            filter.past.extend(filter.now.drain(..).map(|wish| (wish, step)));
        }
    }

    /// The filters a client may have.
    pub(crate) fn filters(&self, client: usize) -> impl Iterator<Item = &'static str> + '_ {
        let filters = self.sessions[client].filters.iter();
        filters.filter(|(_, filter)| !filter.now.is_empty()).map(|(name, _)| *name)
    }

    /// Judges one delivery, as a client's application sees it: a QoS 2 message it has already is not shown to it.
    pub(crate) fn received(&mut self, client: usize, delivery: Delivery<'_>) {
        let Delivery { number, qos, way, .. } = delivery;
        let message = self.messages.get(number).expect("only what was published is delivered");
        assert_eq!(message.topic, delivery.topic, "message {number} keeps its topic");
        assert!(!message.forbidden, "will {number} was taken back by a DISCONNECT");
        assert!(!message.is_empty || way != Way::Retained, "message {number} is empty and cannot be retained");
        self.check_explained(client, message, &delivery);
        let session = self.sessions[client].number;
        let receipt = self.receipts.entry((client, session, number, way)).or_default();
        let is_first = receipt.count == 0;
        receipt.count += 1;
        receipt.fresh += u32::from(!delivery.dup || qos == QoS::ExactlyOnce);
        let receipt = *receipt;
        match way {
            Way::Plain => {
                let most = if message.qos == QoS::AtLeastOnce { message.attempts } else { 1 };
                let count = receipt.fresh;
                assert!(count <= most, "message {number} of {:?} came {count} times, now with {qos:?}", message.qos);
                if is_first && !message.is_will {
                    self.check_order(client, session, number, qos);
                }
            }
            Way::Share(_) => self.check_share(number, way),
            // Several subscriptions may each get it.
            Way::Retained => {}
        }
    }

    /// There is a subscription that may have been there when the message was published, and wants it like this.
    fn check_explained(&self, client: usize, message: &Message, delivery: &Delivery<'_>) {
        let session = &self.sessions[client];
        let mut qos_max = None;
        let mut identifiers = BTreeSet::new();
        for (name, filter) in &session.filters {
            if !is_meant(name, delivery) {
                continue;
            }
            let past = filter.past.iter().filter(|(_, until)| *until >= message.sent).map(|(wish, _)| wish);
            for wish in filter.now.iter().chain(past) {
                let fits = match delivery.way {
                    Way::Plain | Way::Share(_) => !(wish.no_local && message.publisher == client),
                    Way::Retained => message.retain && message.replaced.is_none_or(|replaced| wish.sent < replaced),
                };
                if fits {
                    qos_max = qos_max.max(Some(wish.qos));
                    identifiers.insert(wish.identifier);
                }
            }
        }
        let Some(qos_max) = qos_max else {
            panic!("client {client} has no subscription for {delivery:?}; it has {:#?}", session.filters);
        };
        assert!(delivery.qos <= qos_max.min(message.qos), "{delivery:?} has a higher QoS than was asked for");
        for identifier in delivery.identifiers {
            assert!(identifiers.contains(identifier), "{delivery:?} has identifiers of others than {identifiers:?}");
        }
    }

    /// What was published again may have come for the first time to a subscription made in between.
    fn check_order(&mut self, client: usize, session: u32, number: MessageNumber, qos: QoS) {
        let message = &self.messages[number];
        let key = (client, session, message.publisher, message.topic, message.qos, qos);
        let last = self.order.entry(key).or_insert(number);
        assert!(*last <= number || message.attempts > 1, "message {number} came after {last}: {key:?}");
        *last = number.max(*last);
    }

    /// One member gets it, unless it was published again or a member's session has ended.
    fn check_share(&self, number: MessageNumber, way: Way) {
        let message = &self.messages[number];
        let most = if message.qos == QoS::AtLeastOnce { message.attempts } else { 1 };
        let got = self.share_receipts(number, way);
        let firsts: u32 = got.iter().map(|receipt| receipt.fresh.max(1)).sum();
        let Way::Share(identifier) = way else { return };
        let is_bereaved = self.bereaved.iter().any(|(name, when)| {
            // What was sent with QoS 2 is lost instead [MQTT5-4.8.2-5].
            let may_come_again = share_qos(name).min(message.qos) == QoS::AtLeastOnce;
            share_identifier(name) == identifier && *when >= self.phase_began && may_come_again
        });
        assert!(firsts <= most || is_bereaved, "message {number} came to {firsts} members of {way:?}");
    }

    fn share_receipts(&self, number: MessageNumber, way: Way) -> Vec<Receipt> {
        let clients = 0..self.sessions.len();
        clients
            .flat_map(|client| {
                let sessions = 0..=self.sessions[client].number;
                sessions.filter_map(move |session| self.receipts.get(&(client, session, number, way)).copied())
            })
            .collect()
    }
}

/// The identifier all members of a shared subscription give it: thus its messages can be told from others.
pub(crate) fn share_identifier(filter: &str) -> u32 {
    1000 + filter.bytes().map(u32::from).sum::<u32>()
}

/// The QoS all members of a shared subscription ask for.
pub(crate) fn share_qos(filter: &str) -> QoS {
    QoS::from_u8((share_identifier(filter) % 3) as u8).expect("below three")
}

/// Whether a subscription with this filter can be why a message came this way.
fn is_meant(name: &str, delivery: &Delivery<'_>) -> bool {
    match (share_filter(name), delivery.way) {
        (Some(inner), Way::Share(identifier)) => share_identifier(name) == identifier && matches(inner, delivery.topic),
        (None, Way::Plain | Way::Retained) => matches(name, delivery.topic),
        (Some(_), Way::Plain | Way::Retained) | (None, Way::Share(_)) => false,
    }
}

/// The filter behind `$share/name/`.
fn share_filter(name: &str) -> Option<&str> {
    name.strip_prefix("$share/")?.split_once('/').map(|(_, filter)| filter)
}
