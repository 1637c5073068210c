//! The first bytes of every payload: which flow, the how-manieth message of it, and when it was meant to be sent.

/// Bytes of a [`Stamp`], so the smallest payload there is.
pub(crate) const STAMP_BYTES: usize = 16;

/// What a message says about itself. A *flow* is what one publisher sends to one topic; its messages are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) flow: u32,
    pub(crate) sequence: u32,
    /// On the clock of this process. With a fixed rate it is when the message was due, not when it left.
    pub(crate) intended_ns: u64,
}

impl Stamp {
    pub(crate) fn to_bytes(self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..4].copy_from_slice(&self.flow.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..].copy_from_slice(&self.intended_ns.to_le_bytes());
        bytes
    }

    /// `None` if the payload is too short to be one of ours.
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Option<Stamp> {
        let (stamp, _) = payload.split_first_chunk::<STAMP_BYTES>()?;
        let (flow, rest) = stamp.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<4>()?;
        let (intended_ns, _) = rest.split_first_chunk::<8>()?;
        Some(Stamp {
            flow: u32::from_le_bytes(*flow),
            sequence: u32::from_le_bytes(*sequence),
            intended_ns: u64::from_le_bytes(*intended_ns),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_from_any_payload_that_has_room_for_it() {
        let stamp = Stamp { flow: 7, sequence: u32::MAX, intended_ns: 1 << 60 };
        let mut payload = stamp.to_bytes().to_vec();
        assert_eq!(Stamp::read(&payload), Some(stamp));
        payload.resize(100, 0);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(Stamp::read(&payload[..15]), None);
    }
}
