//! The toy shell behind `exec`, `run` and the instance shell. It runs inside the rack and touches no host:
//! `echo`, `exit`, `sleep`, `cat`, `env`, `yes N`, `seq N`, `bytes N`, `true`, `false`, `sh -c`, joined by `;` and
//! `&&`, with quotes and `$NAME`.

use super::socket::{Input, Output};
use bytes::Bytes;
use std::{collections::BTreeMap, io, time::Duration};

const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);
const MOST_LINES: u64 = 100_000_000;
const WRITE: usize = 64 * 1024;
const DEEPEST: u8 = 8;

pub struct Shell {
    pub env: BTreeMap<String, String>,
    pub files: BTreeMap<String, Bytes>,
    pub stdio: Stdio,
}

/// Where a command reads and writes.
pub enum Stdio {
    Socket(Input, Output),
    /// A detached run: no input, output is dropped.
    Nothing,
}

enum Next {
    Status(u8),
    Exit(u8),
}

impl Shell {
    /// Runs a command line and returns its exit status.
    ///
    /// # Errors
    /// Only when the output's socket fails.
    pub async fn run(&mut self, script: &str) -> io::Result<u8> {
        Ok(match self.script(script, 0).await? {
            Next::Status(status) | Next::Exit(status) => status,
        })
    }

    async fn script(&mut self, script: &str, depth: u8) -> io::Result<Next> {
        let mut status = 0;
        for step in parse(script, &self.env) {
            if step.only_after_success && status != 0 {
                continue;
            }
            match Box::pin(self.command(&step.words, depth)).await? {
                Next::Status(new) => status = new,
                exit @ Next::Exit(_) => return Ok(exit),
            }
        }
        Ok(Next::Status(status))
    }

    async fn command(&mut self, words: &[String], depth: u8) -> io::Result<Next> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = match words.as_slice() {
            [] | ["true" | ":"] => 0,
            ["false"] => 1,
            ["exit"] => return Ok(Next::Exit(0)),
            ["exit", status, ..] => {
                return Ok(Next::Exit(status.parse::<i64>().map_or(2, |n| (n & 0xff) as u8)));
            }
            ["sh" | "bash" | "/bin/sh" | "/bin/bash", "-c", script @ ..] if depth < DEEPEST => {
                let nested = self.script(&script.join(" "), depth + 1).await?;
                let (Next::Status(status) | Next::Exit(status)) = nested;
                status
            }
            ["sh" | "bash" | "/bin/sh" | "/bin/bash"] if depth < DEEPEST => self.interact(depth + 1).await?,
            ["echo", text @ ..] => self.print(&format!("{}\n", text.join(" "))).await?,
            ["sleep", seconds] => self.sleep(seconds).await?,
            ["cat"] => self.copy_input().await?,
            ["cat", path] => self.show(path).await?,
            ["env"] => {
                let lines: String =
                    self.env.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
                self.print(&lines).await?
            }
            ["yes", count] => self.lines(count, |_| "y\n".into()).await?,
            ["seq", count] => self.lines(count, |number| format!("{number}\n")).await?,
            ["bytes", count] => self.noise(count).await?,
            [unknown, ..] => {
                self.print(&format!("sh: {unknown}: command not found\n")).await?;
                127
            }
        };
        Ok(Next::Status(done))
    }

    /// Reads command lines from the input until it ends or one says `exit`.
    async fn interact(&mut self, depth: u8) -> io::Result<u8> {
        let mut pending = Vec::new();
        let mut status = 0;
        while let Some(data) = self.read().await {
            pending.extend_from_slice(&data);
            while let Some(end) = pending.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                let line: Vec<u8> = pending.drain(..=end).collect();
                match Box::pin(self.script(&String::from_utf8_lossy(&line), depth)).await? {
                    Next::Status(new) => status = new,
                    Next::Exit(status) => return Ok(status),
                }
            }
        }
        Ok(status)
    }

    async fn sleep(&mut self, seconds: &str) -> io::Result<u8> {
        let wanted =
            seconds.trim_end_matches('s').parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
        let Some(wanted) = wanted else {
            self.print(&format!("sleep: invalid time interval '{seconds}'\n")).await?;
            return Ok(1);
        };
        tokio::time::sleep(wanted.min(LONGEST_SLEEP)).await;
        Ok(0)
    }

    async fn copy_input(&mut self) -> io::Result<u8> {
        while let Some(data) = self.read().await {
            self.write(&data).await?;
        }
        Ok(0)
    }

    async fn show(&mut self, path: &str) -> io::Result<u8> {
        let Some(content) = self.files.get(path).cloned() else {
            self.print(&format!("cat: {path}: No such file or directory\n")).await?;
            return Ok(1);
        };
        for chunk in content.chunks(WRITE) {
            self.write(chunk).await?;
        }
        Ok(0)
    }

    async fn lines(&mut self, count: &str, line: impl Fn(u64) -> String) -> io::Result<u8> {
        let mut text = String::with_capacity(WRITE + 32);
        for number in 1..=count.parse::<u64>().unwrap_or(0).min(MOST_LINES) {
            text.push_str(&line(number));
            if text.len() >= WRITE {
                self.print(&text).await?;
                text.clear();
            }
        }
        self.print(&text).await
    }

    async fn noise(&mut self, count: &str) -> io::Result<u8> {
        let mut left = count.parse::<u64>().unwrap_or(0);
        let mut source = Noise::default();
        while left > 0 {
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(WRITE);
            let chunk: Vec<u8> = source.by_ref().take(take).collect();
            self.write(&chunk).await?;
            left -= take as u64;
        }
        Ok(0)
    }

    async fn print(&mut self, text: &str) -> io::Result<u8> {
        self.write(text.as_bytes()).await?;
        Ok(0)
    }

    async fn read(&mut self) -> Option<Bytes> {
        match &mut self.stdio {
            Stdio::Socket(input, _) => input.next().await,
            Stdio::Nothing => None,
        }
    }

    async fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match &self.stdio {
            Stdio::Socket(_, output) if !data.is_empty() => output.text(data).await,
            _ => Ok(()),
        }
    }
}

/// What the command `bytes N` prints: the same bytes each time, all values, most of it not UTF-8.
pub fn noise(length: usize) -> Vec<u8> {
    Noise::default().take(length).collect()
}

/// An xorshift generator. It begins with 0xff, as the CLI gives a leading zero byte a meaning of its own.
#[derive(Default)]
struct Noise(u64);

impl Iterator for Noise {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.0 == 0 {
            self.0 = 0x9e37_79b9_7f4a_7c15;
            return Some(0xff);
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some((self.0 >> 32) as u8)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Step {
    words: Vec<String>,
    only_after_success: bool,
}

/// Cuts a script into commands. Anything it does not understand stays an ordinary word.
fn parse(script: &str, env: &BTreeMap<String, String>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = Step { words: Vec::new(), only_after_success: false };
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '$') if chars.peek().is_some_and(|c| is_name(*c)) => {
                let mut name = String::new();
                while let Some(c) = chars.next_if(|c| is_name(*c)) {
                    name.push(c);
                }
                word.get_or_insert_default().push_str(env.get(&name).map_or("", String::as_str));
            }
            (None, ';' | '\n') => {
                step.words.extend(word.take());
                let next = Step { words: Vec::new(), only_after_success: false };
                steps.push(std::mem::replace(&mut step, next));
            }
            (None, '&') if chars.next_if_eq(&'&').is_some() => {
                step.words.extend(word.take());
                let next = Step { words: Vec::new(), only_after_success: true };
                steps.push(std::mem::replace(&mut step, next));
            }
            (None, c) if c.is_whitespace() => step.words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    step.words.extend(word);
    steps.push(step);
    steps.retain(|step| !step.words.is_empty());
    steps
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<Vec<String>> {
        let env = [("FOO".to_owned(), "b r".to_owned())].into();
        parse(script, &env).into_iter().map(|step| step.words).collect()
    }

    async fn status(script: &str) -> u8 {
        let mut shell = Shell { env: BTreeMap::new(), files: BTreeMap::new(), stdio: Stdio::Nothing };
        shell.run(script).await.unwrap()
    }

    #[test]
    fn parses_quotes_variables_and_joints() {
        assert_eq!(
            words("echo a  'b; c' \"$FOO\" && exit 3"),
            [vec!["echo", "a", "b; c", "b r"], vec!["exit", "3"]]
        );
        assert_eq!(words("echo '$FOO' $NONE;;"), [["echo", "$FOO", ""]]);
        assert_eq!(words("echo 'open"), [["echo", "open"]]);
        assert!(words(" ; \n").is_empty());
    }

    #[tokio::test]
    async fn statuses() {
        for (script, expected) in [
            ("exit 7", 7),
            ("exit 256", 0),
            ("exit nonsense", 2),
            ("sh -c 'exit 5'", 5),
            ("sh -c 'exit 5'; true", 0),
            ("false && exit 3", 1),
            ("true && exit 3", 3),
            ("nosuch thing", 127),
            ("exit 1; exit 2", 1),
            ("cat /nosuch", 1),
            ("sleep never", 1),
            ("", 0),
        ] {
            assert_eq!(status(script).await, expected, "{script}");
        }
    }

    #[test]
    fn noise_is_repeatable_and_not_text() {
        let bytes = noise(70_000);
        assert_eq!(bytes, noise(70_000));
        assert_eq!(bytes[0], 0xff);
        assert!((0..=255).all(|byte| bytes.contains(&byte)));
    }
}
