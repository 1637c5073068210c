//! What rustls says, in the words of an operator: fixed texts, each with what would mend it.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Why a connection was refused or has failed.
pub(crate) fn reason_of(error: &Error) -> &'static str {
    match error {
        Error::PeerIncompatible(why) => incompatible(why),
        Error::InvalidCertificate(why) => certificate(why),
        Error::AlertReceived(alert) => alert_of(*alert),
        Error::NoCertificatesPresented => "the client has shown no certificate, but this listener requires one",
        Error::NoApplicationProtocol => "the client offers other protocols (ALPN), but not mqtt",
        Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
            "the client speaks a version of TLS that is unknown; TLS 1.2 or 1.3 is needed"
        }
        Error::InvalidMessage(_) => "the client has sent what is no TLS",
        Error::DecryptError => "what the client has sent cannot be decrypted: it was changed on its way, or never TLS",
        Error::PeerSentOversizedRecord => "the client has sent a record that is larger than TLS allows",
        Error::PeerMisbehaved(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the client breaks the rules of TLS"
        }
        Error::InvalidCertRevocationList(_) => "the list of revoked certificates cannot be used",
        _ => "TLS has failed",
    }
}

fn incompatible(why: &PeerIncompatible) -> &'static str {
    match why {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "the client offers no version of TLS that this listener takes (see minimum_version; below 1.2 there is none)"
        }
        PeerIncompatible::NoCipherSuitesInCommon => {
            "no cipher suite in common: the client offers only weak or outdated ones, or none for this kind of key"
        }
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::EcPointsExtensionRequired
        | PeerIncompatible::NoEcPointFormatsInCommon => "no key exchange in common: the client must offer X25519, P-256 or P-384",
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            "no signature scheme in common: the client cannot verify this kind of key"
        }
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
            "the client lacks an extension of TLS 1.2 that is needed (extended master secret)"
        }
        _ => "the client and this listener have no way of speaking TLS in common",
    }
}

fn certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the client's certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the client's certificate is not valid yet: is its clock, or ours, wrong?"
        }
        CertificateError::Revoked => "the client's certificate is revoked",
        CertificateError::UnknownIssuer => "the client's certificate is of no authority in client_ca",
        CertificateError::UnknownRevocationStatus => {
            "nothing in crl is of the authority of the client's certificate, so that it may be revoked"
        }
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "the list of revoked certificates in crl is out of date; a newer one is needed"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the client's certificate is not for clients (extended key usage)"
        }
        CertificateError::BadSignature => "the client's certificate, or the proof that it is the client's, is wrong",
        CertificateError::BadEncoding => "the client's certificate cannot be read",
        _ => "the client's certificate is not accepted",
    }
}

fn alert_of(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => {
            "the client does not know the authority of our certificate; give it the CA, and us the whole chain"
        }
        AlertDescription::CertificateExpired => "the client says that our certificate has expired",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "the client does not accept our certificate: is it for the name the client connects to?"
        }
        AlertDescription::UnsupportedCertificate => "the client cannot use our kind of certificate",
        AlertDescription::ProtocolVersion => "the client does not accept our version of TLS",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "the client finds nothing in common with us"
        }
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => "the client has given up",
        _ => "the client has ended TLS with an alert",
    }
}
