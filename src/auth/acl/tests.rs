use proptest::prelude::*;

use super::*;

const DECISIONS: &str = include_str!("decisions.txt");

/// One situation of `decisions.txt`.
struct Case<'a> {
    name: &'a str,
    file: String,
    questions: Vec<&'a str>,
}

fn cases() -> Vec<Case<'static>> {
    let mut cases = Vec::new();
    for line in DECISIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("acl ") {
            cases.push(Case { name, file: String::new(), questions: Vec::new() });
            continue;
        }
        let case = cases.last_mut().expect("a situation begins with its file");
        match line.strip_prefix("| ") {
            Some(text) => case.file.push_str(&format!("{text}\n")),
            None => case.questions.push(line),
        }
    }
    cases
}

#[test]
fn decisions_are_those_that_were_asked_of_mosquitto() {
    let mut asked = 0;
    for Case { name, file, questions } in cases() {
        let acl = Acl::parse("acl", file.as_bytes()).unwrap();
        let mut rules = None;
        for question in questions {
            let (question, _) = question.split_once(" mosquitto=").unwrap_or((question, ""));
            if let Some(client) = question.strip_prefix("client ") {
                let (username, client_id) = client.rsplit_once(' ').unwrap();
                rules = Some(acl.rules_of((username != "-").then_some(username), client_id));
                continue;
            }
            let rules = rules.as_ref().expect("a client comes before its questions");
            let (what, answer) = question.rsplit_once(' ').unwrap();
            let allowed = match what.split_once(' ').unwrap() {
                ("write", topic) => rules.may_write(topic),
                ("read", topic) => rules.may_read(topic),
                ("subscribe", filter) => rules.may_subscribe(filter),
                other => panic!("{other:?} is no question"),
            };
            assert_eq!(if allowed { "allow" } else { "deny" }, answer, "{name}: {question}");
            asked += 1;
        }
    }
    assert!(asked > 90, "{asked}");
}

#[test]
fn a_line_that_cannot_be_used_is_named() {
    for (line, text) in [
        ("topic", "the filter is missing; write topic read FILTER"),
        ("topic raed a", "\"raed\" is no access; write topic read, write, readwrite or deny"),
        ("pattern read a/b#", "\"a/b#\" is no topic filter: a wildcard is not where it may be"),
        ("user", "the user has no name; write user NAME"),
        ("allow a", "\"allow\" is not known; a line begins with user, topic, pattern or #"),
        (&format!("topic {}", "a/".repeat(200)), "more than 200 levels"),
    ] {
        let fault = Acl::parse("acl.txt", format!("user alice\ntopic a\n\n{line}\n").as_bytes()).err();
        let fault = fault.unwrap_or_else(|| panic!("{line} is accepted")).to_string();
        assert!(fault.starts_with("acl.txt:4: ") && fault.contains(text), "{fault}");
    }
    let fault = Acl::parse("acl.txt", b"topic a\n\xff\n").err().expect("it is no text");
    assert!(fault.to_string().starts_with("acl.txt:2: the line is not UTF-8"), "{fault}");
}

#[test]
fn lines_of_other_systems_are_read_as_well() {
    let acl = Acl::parse("acl", b"user alice\r\ntopic\tread\ta\r\n").unwrap();
    assert!(acl.rules_of(Some("alice"), "c").may_read("a"));
}

#[test]
fn a_client_without_a_name_gets_no_level_of_its_own() {
    let acl = Acl::parse("acl", b"pattern readwrite device/%c/#\n").unwrap();
    assert!(!acl.rules_of(None, "").may_write("device//a"));
}

#[test]
fn a_name_that_contains_a_placeholder_is_not_filled_in_again() {
    let acl = Acl::parse("acl", b"pattern readwrite %u/%c\n").unwrap();
    let rules = acl.rules_of(Some("%c"), "victim");
    assert!(rules.may_write("%c/victim") && !rules.may_write("victim/victim"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Acl::parse("acl", &bytes);
    }

    #[test]
    fn lines_made_of_the_words_of_the_format_are_read_or_refused(
        lines in prop::collection::vec("(user|topic|pattern|#)? ?(read|write|deny)? ?[a+#/%uc$ ]{0,9}", 0..6),
        username in "[a+#/%uc]{0,4}", client_id in "[a+#/%uc]{0,4}", topic in "[a/$]{1,6}"
    ) {
        if let Ok(acl) = Acl::parse("acl", lines.join("\n").as_bytes()) {
            let rules = acl.rules_of(Some(&username), &client_id);
            rules.may_write(&topic);
            rules.may_subscribe("+/#");
        }
    }

    /// Whoever calls itself what it likes reaches its own level and nothing else.
    #[test]
    fn no_name_reaches_the_place_of_another(username in "[ab+#/$%uc]{0,4}", topic in "(home/)?[ab/]{0,6}(/x)?") {
        let acl = Acl::parse("acl", b"pattern readwrite home/%u/x\n").unwrap();
        if !topic.is_empty() && acl.rules_of(Some(&username), "c").may_write(&topic) {
            prop_assert_eq!(topic, format!("home/{username}/x"));
        }
    }
}
