//! Numbers as people read them.

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `12.3 us`, `4.56 ms`, `7.89 s`.
pub(crate) fn duration_ns(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        1_000_000_000.. => (ns as f64 / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// `12.3 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 10 * 1024 * 1024 {
        return format!("{:.1} KiB", bytes as f64 / 1024.0);
    }
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn durations_have_three_digits_or_so() {
        for (ns, text) in [
            (900, "0.90 us"),
            (12_340, "12.3 us"),
            (456_000, "456 us"),
            (4_560_000, "4.56 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(duration_ns(ns), text);
        }
        assert_eq!((bytes(2048), bytes(11 << 20)), ("2.0 KiB".to_owned(), "11.0 MiB".to_owned()));
    }
}
