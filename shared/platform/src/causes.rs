//! An error and what caused it, on one line.

/// An error with its causes, each layer once.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let layer = error.to_string();
        // A transparent layer repeats the one below it.
        if !text.ends_with(&layer) {
            text.push_str(": ");
            text.push_str(&layer);
        }
        cause = error.source();
    }
    text
}

/// What the system says of a file, and what is said instead.
const SYSTEM_WORDS: [(&str, &str); 6] = [
    ("No such file or directory", "there is no such file or directory"),
    ("File exists", "it already exists"),
    ("Permission denied", "this user has no permission for it"),
    ("No space left on device", "the disk is full"),
    ("Is a directory", "it is a directory"),
    ("Not a directory", "a part of the path is not a directory"),
];

/// A message with the system's errors as a person reads them: `x: File exists (os error 17)` as `x: it already exists`.
#[must_use]
pub fn without_system_words(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, number)) = rest.split_once(" (os error ") {
        let Some((digits, after)) = number.split_once(')') else { break };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        let words = SYSTEM_WORDS.iter().find_map(|(words, said)| Some((before.strip_suffix(words)?, said)));
        match words {
            Some((before, said)) => out.extend([before, said]),
            None => out.push_str(before),
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_error_is_said_in_words() {
        for (message, said) in [
            ("run.tar: File exists (os error 17)", "run.tar: it already exists"),
            ("a: No such file or directory (os error 2)\n  b", "a: there is no such file or directory\n  b"),
            (
                "x: Invalid argument (os error 22); y: Is a directory (os error 21)",
                "x: Invalid argument; y: it is a directory",
            ),
            ("about (os error handling)", "about (os error handling)"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_system_words(message), said);
        }
    }

    #[test]
    fn what_the_system_says_is_known_by_these_words() {
        let error = std::fs::File::open("/there/is/no/such/file").unwrap_err();
        assert_eq!(without_system_words(&error.to_string()), SYSTEM_WORDS[0].1);
    }
}
