//! What is judged when the world is at rest: everybody is back, nothing is on its way.

use std::collections::{BTreeMap, BTreeSet};

use corecast::mqtt::{matches, QoS};

use super::{share_filter, share_identifier, share_qos, Filter, Message, MessageNumber, Model, Session, Way};

impl Model {
    /// Judges all since the last rest. `found` is what all shards have as retained.
    pub(crate) fn judge(&mut self, found: &BTreeMap<String, MessageNumber>) {
        for message in &mut self.messages[self.unjudged..] {
            if message.qos == QoS::AtMostOnce && !message.is_will {
                // It was surely read if the connection it was sent on is still there.
                let since = self.sessions[message.publisher].connected_since;
                message.accepted = since.is_some_and(|since| since <= message.sent);
            }
        }
        self.judge_messages();
        self.judge_retained(found);
        self.phase_began = self.step;
        self.step += 1;
    }

    /// Everything published since the last rest has come to all who surely were to get it. What has not is noted in
    /// `misses`: a broker may have had to drop it at one of its bounds.
    fn judge_messages(&mut self) {
        let wills = std::mem::take(&mut self.wills);
        let published = (self.unjudged..self.messages.len()).filter(|number| !self.messages[*number].is_will);
        let numbers: Vec<MessageNumber> = published.chain(wills).collect();
        self.unjudged = self.messages.len();
        for number in numbers {
            let message = &self.messages[number];
            if !message.accepted || message.may_expire || message.forbidden || message.is_empty {
                continue;
            }
            let mut misses = Vec::new();
            self.judge_plain(number, message, &mut misses);
            self.judge_shared(number, message, &mut misses);
            self.misses.append(&mut misses);
        }
    }

    fn judge_plain(&self, number: MessageNumber, message: &Message, misses: &mut Vec<String>) {
        for (client, session) in self.sessions.iter().enumerate() {
            let Some(qos) = sure_qos(session, message, client) else { continue };
            let is_kept = qos.min(message.qos) != QoS::AtMostOnce;
            let was_there = session.connected_since.is_some_and(|since| since <= message.must_from);
            let has = self.receipts.contains_key(&(client, session.number, number, Way::Plain));
            if (is_kept || was_there) && !has {
                misses.push(format!("client {client} has not got message {number}: {message}"));
            }
        }
    }

    fn judge_shared(&self, number: MessageNumber, message: &Message, misses: &mut Vec<String>) {
        let mut groups: BTreeMap<&str, Vec<(&Session, &Filter)>> = BTreeMap::new();
        for session in &self.sessions {
            for (name, filter) in &session.filters {
                if share_filter(name).is_some_and(|inner| matches(inner, message.topic)) {
                    groups.entry(name).or_default().push((session, filter));
                }
            }
        }
        for (name, members) in groups {
            let is_sure = |filter: &Filter| filter.sure_since.is_some_and(|since| since <= message.must_from);
            let stays = |session: &Session| session.connected_since.is_some_and(|since| since <= message.must_from);
            let is_bereaved = self.bereaved.get(name).is_some_and(|when| *when >= self.phase_began);
            let is_owed = members.iter().any(|(_, filter)| is_sure(filter))
                && match share_qos(name).min(message.qos) {
                    QoS::AtMostOnce => !is_bereaved && members.iter().all(|(session, _)| stays(session)),
                    QoS::AtLeastOnce => true,
                    // What a member had begun to get when its session ended is lost [MQTT5-4.8.2-5].
                    QoS::ExactlyOnce => !is_bereaved,
                };
            if is_owed && self.share_receipts(number, Way::Share(share_identifier(name))).is_empty() {
                misses.push(format!("nobody in {name} has got message {number}: {message}"));
            }
        }
    }

    /// What is retained must be what was published last, as far as that is sure, and
    /// those who have subscribed since the last rest must have got what was there.
    fn judge_retained(&mut self, found: &BTreeMap<String, MessageNumber>) {
        let phase_began = self.phase_began;
        let of_phase = |message: &&Message| message.retain && message.sent >= phase_began;
        let touched: Vec<&Message> = self.messages.iter().filter(of_phase).collect();
        for owed in std::mem::take(&mut self.owed) {
            let session = &self.sessions[owed.client];
            let topic = self.messages[owed.number].topic;
            let stayed = session.connected_since.is_some_and(|since| since <= owed.sent);
            let is_touched = touched.iter().any(|message| message.topic == topic);
            let is_owed = owed.is_sure && session.number == owed.session && !is_touched;
            let key = (owed.client, owed.session, owed.number, Way::Retained);
            if is_owed && (stayed || owed.qos != QoS::AtMostOnce) && !self.receipts.contains_key(&key) {
                self.misses.push(format!("a new subscription has not got its retained message: {owed:?}"));
            }
        }
        let topics: BTreeSet<&'static str> = self.messages.iter().map(|message| message.topic).collect();
        for topic in topics {
            self.judge_topic(topic, found.get(topic).copied());
        }
    }

    fn judge_topic(&mut self, topic: &'static str, found: Option<MessageNumber>) {
        let before = self.retained.get(topic).copied();
        let mut candidates = Vec::new();
        let mut is_replaced = false;
        for (number, message) in self.messages.iter().enumerate() {
            if message.retain && message.topic == topic && message.sent >= self.phase_began {
                is_replaced |= message.accepted;
                candidates.push(if message.is_empty { None } else { Some(number) });
                if message.may_expire {
                    candidates.push(None);
                }
            }
        }
        if !is_replaced {
            candidates.push(before);
            if before.is_some_and(|before| self.messages[before].may_expire) {
                candidates.push(None);
            }
        }
        assert!(candidates.contains(&found), "retained for {topic}: {found:?}, not one of {candidates:?}");
        for message in self.messages.iter_mut().filter(|message| message.topic == topic && message.retain) {
            message.replaced.get_or_insert(self.step);
        }
        match found {
            Some(number) => {
                self.messages[number].replaced = None;
                self.retained.insert(topic, number);
            }
            None => drop(self.retained.remove(topic)),
        }
    }
}

/// The least QoS at which a session surely is subscribed, if it is.
fn sure_qos(session: &Session, message: &Message, client: usize) -> Option<QoS> {
    let filters = session.filters.iter().filter(|(name, filter)| {
        share_filter(name).is_none()
            && matches(name, message.topic)
            && filter.sure_since.is_some_and(|since| since <= message.must_from)
    });
    let qos = filters.filter_map(|(_, filter)| {
        let past = filter.past.iter().filter(|(_, until)| *until >= message.sent).map(|(wish, _)| wish);
        let wishes = filter.now.iter().chain(past);
        let is_local = message.publisher == client && wishes.clone().any(|wish| wish.no_local);
        wishes.map(|wish| wish.qos).min().filter(|_| !is_local)
    });
    qos.max()
}
