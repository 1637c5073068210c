//! A client that keeps losing its connection and comes back for its session.

use std::fmt;
use std::time::{Duration, Instant};

use corecast::mqtt::{Packet, ProtocolVersion, ReasonCode};

use super::arena::{count, Arena, Phase};
use super::link::Link;
use super::publisher::Publisher;
use super::subscriber::Subscriber;
use crate::rng::Rng;
use crate::script::packet;

/// How long a client may stay away.
const AWAY_MAX_MS: usize = 40;

/// Messages a publisher sends at once.
const BURST_MAX: usize = 6;

enum Role {
    Publisher(Publisher),
    Subscriber(Subscriber),
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Open,
    /// Has asked for the last answer.
    Pinging,
    Finished,
}

/// A client.
pub(super) struct Client {
    id: String,
    number: usize,
    version: ProtocolVersion,
    role: Role,
    rng: Rng,
    link: Option<Link>,
    /// The connection it has left open when it connected anew: the broker has to end it.
    former: Option<Link>,
    stage: Stage,
    has_session: bool,
    back_at: Option<Instant>,
}

impl Client {
    pub(super) fn publisher(arena: &Arena, number: usize) -> Client {
        Client::new(arena, number, "publisher", Role::Publisher(Publisher::new(arena, number)))
    }

    pub(super) fn subscriber(arena: &Arena, number: usize) -> Client {
        Client::new(arena, number, "subscriber", Role::Subscriber(Subscriber::new(arena, number)))
    }

    fn new(arena: &Arena, number: usize, name: &str, role: Role) -> Client {
        let salt = (number as u64) << 1 | u64::from(matches!(role, Role::Publisher(_)));
        Client {
            id: format!("{name}{number}"),
            number,
            version: arena.version(number),
            role,
            rng: Rng::new(arena.plan.seed << 32 ^ salt.wrapping_mul(0x9e37_79b9)),
            link: None,
            former: None,
            stage: Stage::Connecting,
            has_session: false,
            back_at: None,
        }
    }

    pub(super) fn has_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// Does what can be done now; answers whether that was anything.
    pub(super) fn turn(&mut self, arena: &Arena, now: Instant, buffer: &mut [u8]) -> Result<bool, String> {
        if self.stage == Stage::Finished {
            return Ok(false);
        }
        if self.link.is_none() {
            if self.back_at.is_some_and(|time| now < time) {
                return Ok(false);
            }
            self.connect(arena)?;
        }
        // Without one, it tries again in its next turn.
        let Some(mut link) = self.link.take() else { return Ok(false) };
        link.flush()?;
        let has_come = link.fill(buffer)?;
        if has_come {
            link.packets(self.version, |packet, out| self.on_packet(arena, packet, out))?;
        }
        let phase = arena.phase();
        let is_restless = phase == Phase::Churning && self.stage != Stage::Finished && has_come;
        let breaks_off = is_restless && self.rng.chance(arena.plan.restlessness);
        // Either what has come stays unanswered, or what is sent now does.
        if breaks_off && self.rng.chance(2) {
            self.break_off(arena, now, link)?;
            return Ok(true);
        }
        if self.stage == Stage::Open {
            match &mut self.role {
                Role::Publisher(publisher) if phase == Phase::Churning => {
                    publisher.publish(arena, 1 + self.rng.below(BURST_MAX), &mut link.output);
                }
                Role::Publisher(_) | Role::Subscriber(_) => {}
            }
            if phase == Phase::Settling {
                self.stage = Stage::Pinging;
                link.output.extend(packet(self.level(), "pingreq"));
            }
        }
        let has_said = !link.output.is_empty();
        link.flush()?;
        if breaks_off {
            self.break_off(arena, now, link)?;
        } else {
            self.link = Some(link);
        }
        Ok(has_come || has_said)
    }

    fn connect(&mut self, arena: &Arena) -> Result<(), String> {
        let Some(mut link) = Link::open(arena.address)? else { return Ok(()) };
        let words = match self.version {
            ProtocolVersion::V3_1 | ProtocolVersion::V3_1_1 => format!("connect id={}", self.id),
            // Few enough for messages to wait in the broker too.
            ProtocolVersion::V5 => format!("connect id={} session_expiry=3600 receive_maximum=20", self.id),
        };
        link.output = packet(self.level(), &words);
        self.stage = Stage::Connecting;
        self.link = Some(link);
        Ok(())
    }

    fn on_packet(&mut self, arena: &Arena, heard: &Packet<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        match (self.stage, heard) {
            (Stage::Connecting, Packet::Connack(connack)) => {
                let answer = (connack.reason, connack.session_present);
                if answer != (ReasonCode::Success, self.has_session) {
                    return Err(format!("{connack:?}, though the session is {}", self.has_session));
                }
                self.former = None;
                self.stage = Stage::Open;
                self.on_open(arena, out);
                Ok(())
            }
            (Stage::Pinging, Packet::Pingresp) => {
                self.stage = Stage::Finished;
                count(&arena.finished);
                Ok(())
            }
            (Stage::Open | Stage::Pinging | Stage::Finished, _) => match &mut self.role {
                Role::Publisher(publisher) => publisher.on_packet(arena, heard, out),
                Role::Subscriber(subscriber) => subscriber.on_packet(arena, heard, out),
            },
            (Stage::Connecting, other) => Err(format!("{other:?} before CONNACK")),
        }
    }

    fn on_open(&mut self, arena: &Arena, out: &mut Vec<u8>) {
        let is_new = !self.has_session;
        self.has_session = true;
        match &mut self.role {
            Role::Publisher(publisher) => {
                if is_new {
                    count(&arena.ready);
                }
                publisher.resume(out);
            }
            Role::Subscriber(_) if is_new => {
                let words = format!("subscribe id=1 {} q{}", arena.topic(self.number), arena.qos(self.number) as u8);
                out.extend(packet(self.level(), &words));
            }
            Role::Subscriber(_) => {}
        }
    }

    /// Loses the connection, with or without what was to be sent on it.
    fn break_off(&mut self, arena: &Arena, now: Instant, mut link: Link) -> Result<(), String> {
        count(&arena.disconnects);
        if self.rng.chance(2) {
            link.flush()?;
        }
        match self.rng.below(4) {
            0 => link.reset(),
            1 => drop(link),
            2 => {
                link.output.extend(packet(self.level(), "disconnect"));
                link.flush()?;
            }
            _ => {
                self.former = Some(link);
                self.connect(arena)?;
            }
        }
        let away = if self.rng.chance(2) { 0 } else { self.rng.below(AWAY_MAX_MS) };
        self.back_at = Some(now + Duration::from_millis(away as u64));
        Ok(())
    }

    fn level(&self) -> u8 {
        self.version.level()
    }
}

impl fmt::Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({:?})", self.id, self.version)
    }
}
