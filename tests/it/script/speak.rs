//! From words to the bytes of a client's packet. Written without the encoder of the broker, so that scripts can say what
//! no encoder should, and so that a mistake there does not hide one in the decoder.

use corecast::mqtt::PropertyBuffer;

use super::properties::push_property;
use super::words::{Word, Words};

/// What a client says with `words`, in protocol level `level`; `None` if the verb is no packet.
pub(crate) fn speak(level: u8, words: &Words) -> Option<Vec<u8>> {
    let (first, body) = match words.verb.as_str() {
        "connect" => (0x10, connect(level, words)),
        "publish" => publish(level, words),
        "puback" => (0x40, acknowledgement(level, words)),
        "pubrec" => (0x50, acknowledgement(level, words)),
        "pubrel" => (0x62, acknowledgement(level, words)),
        "pubcomp" => (0x70, acknowledgement(level, words)),
        "subscribe" => (0x82, subscribe(level, words)),
        "unsubscribe" => (0xA2, unsubscribe(level, words)),
        "pingreq" => (0xC0, Vec::new()),
        "disconnect" => (0xE0, reason(level, words)),
        "auth" => (0xF0, reason(level, words)),
        "raw" => return Some(raw(&words.words)),
        _ => return None,
    };
    let mut packet = vec![words.find("first_byte").map_or(first, Word::number)];
    put_length(&mut packet, body.len());
    packet.extend(body);
    Some(packet)
}

fn connect(level: u8, words: &Words) -> Vec<u8> {
    let mut will = words.words.iter().filter(|word| word.name == "will" || word.name.starts_with("will."));
    let will_has = |name: &str| words.has(&format!("will.{name}"));
    let has_will = will.next().is_some();
    let mut flags = 0;
    flags |= u8::from(words.has("clean")) << 1;
    flags |= u8::from(has_will) << 2;
    flags |= u8::from(will_has("q1")) << 3 | u8::from(will_has("q2")) << 4;
    flags |= u8::from(will_has("retain")) << 5;
    flags |= u8::from(words.has("password")) << 6;
    flags |= u8::from(words.has("username")) << 7;
    let mut body = Vec::new();
    put_text(&mut body, words.find("name").map_or(if level == 3 { "MQIsdp" } else { "MQTT" }, Word::value_str));
    body.push(words.find("level").map_or(level, Word::number));
    body.push(words.find("flags").map_or(flags, Word::number));
    put_u16(&mut body, words.find("keep_alive").map_or(0, Word::number));
    put_properties(level, &mut body, words.words.iter());
    put_binary(&mut body, words.find("id").and_then(|word| word.value.as_deref()).unwrap_or_default());
    if has_will {
        let inner: Vec<Word> = words.words.iter().filter_map(of_will).collect();
        put_properties(level, &mut body, inner.iter());
        let value = |name: &str| words.find(name).and_then(|word| word.value.as_deref()).unwrap_or_default();
        put_binary(&mut body, value("will"));
        put_binary(&mut body, value("will.payload"));
    }
    for name in ["username", "password"] {
        if let Some(word) = words.find(name) {
            put_binary(&mut body, word.value.as_deref().unwrap_or_default());
        }
    }
    body
}

/// A property of the will: `will.delay` and the properties of a message behind `will.`.
fn of_will(word: &Word) -> Option<Word> {
    let name = match word.name.strip_prefix("will.")? {
        "delay" => "will_delay",
        name => name,
    };
    Some(Word { name: name.into(), value: word.value.clone() })
}

fn publish(level: u8, words: &Words) -> (u8, Vec<u8>) {
    let qos = (0..4_u8).find(|qos| words.has(&format!("q{qos}"))).unwrap_or(0);
    let first = 0x30 | u8::from(words.has("dup")) << 3 | qos << 1 | u8::from(words.has("retain"));
    let mut body = Vec::new();
    put_binary(&mut body, words.find("topic").and_then(|word| word.value.as_deref()).expect("a topic, perhaps \"\""));
    if qos > 0 {
        put_u16(&mut body, words.find("id").map_or(1, Word::number));
    }
    put_properties(level, &mut body, words.words.iter());
    body.extend(words.find("").and_then(|word| word.value.as_deref()).unwrap_or_default());
    (first, body)
}

fn acknowledgement(level: u8, words: &Words) -> Vec<u8> {
    let mut body = Vec::new();
    put_u16(&mut body, words.find("id").map_or(1, Word::number));
    body.extend(reason(level, words));
    body
}

/// Reason and properties, as far as they are named.
fn reason(level: u8, words: &Words) -> Vec<u8> {
    let mut properties = Vec::new();
    put_properties(level, &mut properties, words.words.iter());
    let mut body = Vec::new();
    let has_properties = properties.len() > 1;
    if level >= 5 && (has_properties || words.has("code")) {
        body.push(words.find("code").map_or(0, Word::number));
        if has_properties {
            body.extend(properties);
        }
    }
    body
}

fn subscribe(level: u8, words: &Words) -> Vec<u8> {
    let mut body = Vec::new();
    put_u16(&mut body, words.find("id").map_or(1, Word::number));
    put_properties(level, &mut body, words.words.iter());
    let mut has_filter = false;
    for word in &words.words {
        match (word.name.as_str(), &word.value) {
            ("q0" | "q1" | "q2" | "q3" | "nl" | "rap", None) | ("qos" | "rh" | "options", Some(_)) => {
                assert!(has_filter, "`{word}` before the filter it is for");
                let options = body.last_mut().expect("a filter was put");
                *options |= match word.name.as_str() {
                    "nl" => 4,
                    "rap" => 8,
                    "rh" => word.number::<u8>() << 4,
                    "qos" | "options" => word.number(),
                    qos => qos.as_bytes()[1] - b'0',
                };
            }
            (filter, None) => {
                put_text(&mut body, filter);
                body.push(0);
                has_filter = true;
            }
            ("", Some(filter)) => {
                put_binary(&mut body, filter);
                body.push(0);
                has_filter = true;
            }
            (_, Some(_)) => {}
        }
    }
    body
}

fn unsubscribe(level: u8, words: &Words) -> Vec<u8> {
    let mut body = Vec::new();
    put_u16(&mut body, words.find("id").map_or(1, Word::number));
    put_properties(level, &mut body, words.words.iter());
    for word in &words.words {
        match (word.name.as_str(), &word.value) {
            (filter, None) => put_text(&mut body, filter),
            ("", Some(filter)) => put_binary(&mut body, filter),
            (_, Some(_)) => {}
        }
    }
    body
}

/// Hexadecimal bytes, `"text"` as it is, `str="text"` with its length in front, `len` for the length of all behind it.
fn raw(words: &[Word]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match (word.name.as_str(), &word.value) {
            ("len", None) => {
                let rest = raw(&words[at + 1..]);
                put_length(&mut bytes, rest.len());
                bytes.extend(rest);
                return bytes;
            }
            ("", Some(text)) => bytes.extend(text),
            ("str", Some(text)) => put_binary(&mut bytes, text),
            (digits, None) => {
                assert!(digits.len() % 2 == 0 && digits.is_ascii(), "`{digits}` is not hexadecimal bytes");
                let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
                bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal bytes")));
            }
            (_, Some(_)) => panic!("`{word}` in raw bytes"),
        }
    }
    bytes
}

/// All properties among `words`, with their length; nothing before 5.0.
fn put_properties<'w>(level: u8, body: &mut Vec<u8>, words: impl Iterator<Item = &'w Word>) {
    if level < 5 {
        return;
    }
    let mut properties = PropertyBuffer::default();
    for word in words {
        push_property(word, &mut properties);
    }
    let block = properties.as_properties();
    put_length(body, block.as_bytes().len());
    body.extend_from_slice(block.as_bytes());
}

fn put_u16(body: &mut Vec<u8>, value: u16) {
    body.extend_from_slice(&value.to_be_bytes());
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    put_binary(body, text.as_bytes());
}

fn put_binary(body: &mut Vec<u8>, bytes: &[u8]) {
    put_u16(body, u16::try_from(bytes.len()).expect("at most 65,535 bytes"));
    body.extend_from_slice(bytes);
}

/// A Variable Byte Integer.
fn put_length(body: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        if length == 0 {
            return body.push(byte);
        }
        body.push(byte | 0x80);
    }
}
