//! What is read of a certificate beyond what verifying it needs: names, and how long it lasts.
//!
//! The reader of DER knows as much as that takes. It is given certificates the verifier has accepted, and the operator's
//! own; whatever it does not understand is no name.

use std::fmt::Write;
use std::str;

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// The kinds of alternative name that are text: an e-mail address, a name of DNS, a URI.
const RFC822_NAME: u8 = 0x81;
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Attributes of a subject by their object identifier, with the names OpenSSL writes for them.
const ATTRIBUTES: &[(&[u8], &str)] = &[
    (COMMON_NAME, "CN"),
    (&[0x55, 0x04, 0x04], "SN"),
    (&[0x55, 0x04, 0x05], "serialNumber"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x09], "street"),
    (&[0x55, 0x04, 0x0a], "O"),
    (&[0x55, 0x04, 0x0b], "OU"),
    (&[0x55, 0x04, 0x0c], "title"),
    (&[0x55, 0x04, 0x2a], "GN"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], "emailAddress"),
];

/// The parts of a certificate that are of use here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    /// Seconds since 1970, both included.
    pub(crate) not_before_s: i64,
    pub(crate) not_after_s: i64,
    subject: &'a [u8],
    /// The general names of the subject, if there are any.
    alternatives: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Nothing if these bytes are no certificate.
    pub(crate) fn read(der: &'a [u8]) -> Option<Certificate<'a>> {
        let mut whole = Reader(Reader(der).content(SEQUENCE)?);
        let mut body = Reader(whole.content(SEQUENCE)?);
        body.content_if(VERSION);
        // Serial number, algorithm, issuer.
        (0..3).try_for_each(|_| body.next().map(drop))?;
        let mut validity = Reader(body.content(SEQUENCE)?);
        let (not_before_s, not_after_s) = (time(validity.next()?)?, time(validity.next()?)?);
        let subject = body.content(SEQUENCE)?;
        let mut alternatives = &[][..];
        for (tag, content) in body {
            if tag == EXTENSIONS {
                alternatives = alternatives_of(content).unwrap_or_default();
            }
        }
        Some(Certificate { not_before_s, not_after_s, subject, alternatives })
    }

    /// The most specific common name of the subject.
    pub(crate) fn common_name(&self) -> Option<String> {
        let mut names = Vec::new();
        self.each_attribute(|_, name, tag, value| {
            if name == COMMON_NAME {
                names.push(text(tag, value));
            }
        })?;
        names.pop().flatten().filter(|name| !name.is_empty())
    }

    /// The subject as `openssl x509 -subject -nameopt RFC2253` writes it; nothing if it is empty.
    pub(crate) fn subject_name(&self) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        self.each_attribute(|is_first, name, tag, value| {
            let part = attribute(name, tag, value);
            match parts.last_mut() {
                Some(last) if !is_first => *last = format!("{last}+{part}"),
                Some(_) | None => parts.push(part),
            }
        })?;
        parts.reverse();
        Some(parts.join(",")).filter(|subject| !subject.is_empty())
    }

    /// The first alternative name that is an e-mail address, a name of DNS or a URI.
    pub(crate) fn alternative_name(&self) -> Option<String> {
        let is_text = |tag| matches!(tag, RFC822_NAME | DNS_NAME | URI);
        let mut names = Reader(self.alternatives).filter(|(tag, name)| is_text(*tag) && !name.is_empty());
        names.next().and_then(|(_, name)| text(IA5_STRING, name))
    }

    /// The names of DNS it is for, in lower case.
    pub(crate) fn dns_names(&self) -> Vec<String> {
        let names = Reader(self.alternatives).filter(|(tag, _)| *tag == DNS_NAME);
        names.filter_map(|(_, name)| text(IA5_STRING, name)).map(|name| name.to_ascii_lowercase()).collect()
    }

    /// Calls `take` with each attribute of the subject: whether it is the first of its set, its name, the tag and the bytes
    /// of its value.
    fn each_attribute(&self, mut take: impl FnMut(bool, &'a [u8], u8, &'a [u8])) -> Option<()> {
        for (tag, set) in Reader(self.subject) {
            let mut is_first = true;
            for (inner, attribute) in Reader(set).take_while(|_| tag == SET) {
                let mut pair = Reader(attribute);
                let name = pair.content(OBJECT_IDENTIFIER).filter(|_| inner == SEQUENCE)?;
                let (tag, value) = pair.next()?;
                take(is_first, name, tag, value);
                is_first = false;
            }
        }
        Some(())
    }
}

fn alternatives_of(extensions: &[u8]) -> Option<&[u8]> {
    for (_, extension) in Reader(Reader(extensions).content(SEQUENCE)?) {
        let mut parts = Reader(extension);
        let name = parts.content(OBJECT_IDENTIFIER)?;
        // Whether it is critical.
        parts.content_if(BOOLEAN);
        let value = parts.content(OCTET_STRING)?;
        if name == SUBJECT_ALTERNATIVE_NAME {
            return Reader(value).content(SEQUENCE);
        }
    }
    None
}

fn attribute(name: &[u8], tag: u8, value: &[u8]) -> String {
    let known = ATTRIBUTES.iter().find(|(oid, _)| *oid == name);
    match (known, text(tag, value)) {
        (Some((_, name)), Some(text)) => format!("{name}={}", escaped(&text)),
        _ => format!("{}=#{}", dotted(name), hexadecimal(tag, value)),
    }
}

/// The text of a value; nothing if it is none, or holds a character that no name should.
fn text(tag: u8, value: &[u8]) -> Option<String> {
    let text = match tag {
        UTF8_STRING | PRINTABLE_STRING | IA5_STRING => str::from_utf8(value).ok()?.to_owned(),
        // Read by everybody as the first 256 characters of Unicode.
        TELETEX_STRING => value.iter().copied().map(char::from).collect(),
        BMP_STRING => {
            let (units, rest) = value.as_chunks::<2>();
            let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
            let text: Result<String, _> = char::decode_utf16(units).collect();
            text.ok().filter(|_| rest.is_empty())?
        }
        _ => return None,
    };
    (!text.chars().any(char::is_control)).then_some(text)
}

/// RFC 2253, with bytes beyond ASCII as `\XX`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => escaped.push('\\'),
            b'#' if index == 0 => escaped.push('\\'),
            b' ' if index == 0 || index == last => escaped.push('\\'),
            _ => {}
        }
        if byte.is_ascii() {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "\\{byte:02X}");
        }
    }
    escaped
}

fn dotted(oid: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0u64;
    for byte in oid {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first);
                number -= 40 * first;
            }
            numbers.push(number);
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// The whole of a value, its tag and length included.
fn hexadecimal(tag: u8, value: &[u8]) -> String {
    let mut text = format!("{tag:02X}");
    let length = value.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    if value.len() >= 0x80 {
        text.push_str(&format!("{:02X}", 0x80 | significant.len()));
    }
    for byte in significant.iter().chain(value) {
        text.push_str(&format!("{byte:02X}"));
    }
    text
}

/// Seconds since 1970.
fn time((tag, value): (u8, &[u8])) -> Option<i64> {
    let text = str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let year: i64 = digits(text.get(..2)?)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (digits(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |at: usize| digits(rest.get(at..at + 2)?);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Days since 1970 in the Gregorian calendar: years begin in March, so that a leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Reads one value after the other.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next value if it has this tag.
    fn content(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }

    /// The content of the next value if it has this tag; otherwise it stays.
    fn content_if(&mut self, wanted: u8) -> Option<&'a [u8]> {
        (self.0.first() == Some(&wanted)).then(|| self.content(wanted))?
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag, first, rest @ ..] = self.0 else { return None };
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            // More than three bytes of length would be more than any certificate.
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};
    use rcgen::{
        date_time_ymd, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, KeyPair, SanType,
    };

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn names_and_validity_are_read() {
        let der = made(|params| {
            params.not_before = date_time_ymd(2024, 2, 29);
            params.not_after = date_time_ymd(2051, 1, 1);
            params.distinguished_name.push(DnType::CountryName, "DE");
            params.distinguished_name.push(DnType::OrganizationName, "Sensors, Ltd.");
            params.distinguished_name.push(DnType::CommonName, "pump 7");
            params.subject_alt_names = vec![
                SanType::IpAddress([192, 0, 2, 1].into()),
                SanType::DnsName("Pump7.Example".try_into().expect("ascii")),
                SanType::Rfc822Name("pump@example".try_into().expect("ascii")),
            ];
        });
        let certificate = Certificate::read(&der).expect("a certificate");
        assert_eq!((certificate.not_before_s, certificate.not_after_s), (1_709_164_800, 2_556_144_000));
        assert_eq!(certificate.common_name().as_deref(), Some("pump 7"));
        assert_eq!(certificate.subject_name().as_deref(), Some("CN=pump 7,O=Sensors\\, Ltd.,C=DE"));
        assert_eq!(certificate.alternative_name().as_deref(), Some("Pump7.Example"));
        assert_eq!(certificate.dns_names(), ["pump7.example"]);
    }

    #[test]
    fn a_certificate_without_names_has_none() {
        let der = made(|_| {});
        let certificate = Certificate::read(&der).expect("a certificate");
        assert_eq!((certificate.common_name(), certificate.subject_name()), (None, None));
        assert_eq!((certificate.alternative_name(), certificate.dns_names().len()), (None, 0));
    }

    #[test]
    fn names_of_every_kind_of_text_are_read_and_escaped_as_openssl_does() {
        let der = made(|params| {
            let name = &mut params.distinguished_name;
            name.push(DnType::CustomDnType(vec![1, 2, 3, 4]), DnValue::Utf8String("x".to_owned()));
            name.push(DnType::OrganizationalUnitName, DnValue::BmpString("Zürich".try_into().expect("in the plane")));
            name.push(DnType::LocalityName, DnValue::TeletexString("Bern".try_into().expect("ascii")));
            name.push(DnType::CommonName, " #é<>\";+\\ ");
        });
        let certificate = Certificate::read(&der).expect("a certificate");
        let subject = "CN=\\ #\\C3\\A9\\<\\>\\\"\\;\\+\\\\\\ ,L=Bern,OU=Z\\C3\\BCrich,1.2.3.4=#0C0178";
        assert_eq!(certificate.subject_name().as_deref(), Some(subject));
        assert_eq!(certificate.common_name().as_deref(), Some(" #é<>\";+\\ "));
    }

    #[test]
    fn a_name_with_a_control_character_is_none() {
        for name in ["a\0b", "a\nb", "a\u{85}b"] {
            let der = made(|params| params.distinguished_name.push(DnType::CommonName, name));
            assert_eq!(Certificate::read(&der).expect("a certificate").common_name(), None, "{name:?}");
        }
    }

    #[test]
    fn other_extensions_are_passed_over() {
        let der = made(|params| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3], vec![1, 2, 3]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
            params.subject_alt_names = vec![SanType::URI("urn:pump:7".try_into().expect("ascii"))];
        });
        let certificate = Certificate::read(&der).expect("a certificate");
        assert_eq!(certificate.alternative_name().as_deref(), Some("urn:pump:7"));
    }

    #[test]
    fn days_are_counted_through_leap_years() {
        assert_eq!((days(1970, 1, 1), days(1969, 12, 31), days(2000, 2, 29)), (0, -1, 11_016));
        assert_eq!((days(2000, 3, 1), days(2100, 3, 1) - days(2100, 2, 28)), (11_017, 1));
        assert_eq!(time((UTC_TIME, b"491231235959Z")), time((GENERALIZED_TIME, b"20491231235959Z")));
        assert_eq!(time((UTC_TIME, b"500101000000Z")), time((GENERALIZED_TIME, b"19500101000000Z")));
        for wrong in [&b"491231235959"[..], b"4912312359Z", b"491331235959Z", b"4912312359+9Z", b"\xff"] {
            assert_eq!(time((UTC_TIME, wrong)), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_long_value_is_written_with_its_length() {
        assert_eq!(hexadecimal(4, &[]), "0400");
        assert!(hexadecimal(4, &[0; 0x80]).starts_with("04818000"));
        assert!(hexadecimal(4, &[0; 0x102]).starts_with("0482010200"));
    }

    proptest! {
        #[test]
        fn mutated_certificates_never_panic(changes in vec((any::<u16>(), any::<u8>()), 1..8), cut in any::<u16>()) {
            let mut der = made(|params| {
                params.distinguished_name.push(DnType::CommonName, "pump");
                params.subject_alt_names = vec![SanType::DnsName("pump".try_into().expect("ascii"))];
            });
            for (at, byte) in changes {
                let at = usize::from(at) % der.len();
                der[at] = byte;
            }
            der.truncate(der.len() - usize::from(cut) % 8);
            if let Some(certificate) = Certificate::read(&der) {
                let _ = (certificate.common_name(), certificate.subject_name());
                let _ = (certificate.alternative_name(), certificate.dns_names());
            }
        }
    }
}
