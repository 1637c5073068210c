//! What rustls says, in the words of who runs loadgen: fixed texts, each with what would mend it.

use rustls::{AlertDescription, CertificateError, Error};

/// Nothing has come of the handshake.
pub(crate) const CLOSED_EARLY: &str =
    "TLS: the broker has closed the connection in the handshake; does it speak TLS at this port?";

/// Why a connection has failed.
pub(super) fn reason_of(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(why) => certificate(why),
        Error::AlertReceived(alert) => alert_of(*alert),
        Error::InvalidMessage(_) => "TLS: what the broker sends is no TLS; --broker must name a port that speaks it",
        Error::PeerIncompatible(_) => "TLS: the broker has no version, cipher or key exchange in common with loadgen",
        Error::DecryptError => "TLS: what the broker has sent cannot be decrypted",
        Error::PeerMisbehaved(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "TLS: the broker breaks the rules"
        }
        _ => "TLS has failed",
    }
}

fn certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer => "TLS: the broker's certificate is of no authority in --ca",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "TLS: the broker's certificate is for another name; say with --server-name for which"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "TLS: the broker's certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "TLS: the broker's certificate is not valid yet: is its clock, or ours, wrong?"
        }
        CertificateError::BadSignature => {
            "TLS: the broker's certificate, or the proof that it is the broker's, is wrong"
        }
        _ => "TLS: the broker's certificate cannot be used; --insecure takes any",
    }
}

fn alert_of(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => "TLS: the broker wants a client certificate; give --cert and --key",
        AlertDescription::UnknownCA => "TLS: the broker does not know the authority of --cert",
        AlertDescription::CertificateExpired => "TLS: the broker says that --cert has expired",
        AlertDescription::CertificateRevoked => "TLS: the broker says that --cert is revoked",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => "TLS: the broker does not accept --cert",
        AlertDescription::HandshakeFailure => {
            "TLS: the broker refuses the handshake; it may want a client certificate (--cert and --key)"
        }
        AlertDescription::ProtocolVersion => "TLS: the broker does not accept versions 1.2 and 1.3",
        AlertDescription::UnrecognisedName => "TLS: the broker does not know this --server-name",
        _ => "TLS: the broker has ended the connection with an alert",
    }
}
