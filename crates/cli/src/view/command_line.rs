//! A command as one would type it.

/// The line of a `sh -c`, else the arguments quoted.
pub(crate) fn command_line(command: &[String]) -> String {
    match command {
        [_shell, flag, line] if flag == "-c" || flag == "-lc" => line.clone(),
        _ => command.iter().map(|argument| quote(argument)).collect::<Vec<_>>().join(" "),
    }
}

fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_it_is_typed() {
        let line = |arguments: &[&str]| {
            command_line(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(line(&["/bin/bash", "-lc", "ls | wc"]), "ls | wc");
        assert_eq!(line(&["git", "commit", "-m", "it's", ""]), r"git commit -m 'it'\''s' ''");
    }
}
