//! Other processes: this test binary once more, told by its environment to be somebody else.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// In the environment of a child: the directory that it works in.
pub(crate) const DIR: &str = "COUNTERSIGN_TEST_DIR";
/// In the environment of a child: what it is to do there.
pub(crate) const TASK: &str = "COUNTERSIGN_TEST_TASK";

/// The directory and the task of this process, if it is a child.
pub(crate) fn task() -> Option<(std::path::PathBuf, String)> {
    Some((std::env::var_os(DIR)?.into(), std::env::var(TASK).ok()?))
}

/// Says a line to the parent. What was said is with the operating system when this returns.
pub(crate) fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{line}").unwrap();
    out.flush().unwrap();
}

/// Waits for a line of the parent; false when the parent is gone.
pub(crate) fn hear() -> Option<String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).unwrap_or(0);
    (read > 0).then(|| line.trim_end().to_owned())
}

/// A process that can be killed at any moment.
pub(crate) struct Other {
    child: Child,
    /// None once it was told that nothing more will come.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// A test that fails leaves no process behind.
impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Other {
    /// Starts this binary as the test `name`, which must be one that looks at [`task`].
    pub(crate) fn start(name: &str, dir: &std::path::Path, task: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(DIR, dir)
            .env(TASK, task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    /// The next line that it says; none when it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.stdout.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The test harness says things too.
            if let (Some((_, said)), true) = (line.split_once('@'), line.ends_with('\n')) {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// `kill -9`, and what it had said until then.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let said = std::iter::from_fn(|| self.line()).collect();
        self.child.wait().unwrap();
        said
    }

    /// Lets it end by itself.
    pub(crate) fn end(mut self) {
        self.stdin = None;
        while self.stdout.read_line(&mut String::new()).unwrap() > 0 {}
        assert!(self.child.wait().unwrap().success());
    }
}

/// Numbers that look random and are the same for the same seed (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    /// From the environment, or one that is always the same. Printed, so that a failure can be played again.
    pub(crate) fn seeded(what: &str) -> Self {
        let seed = std::env::var("COUNTERSIGN_SEED")
            .ok()
            .and_then(|it| it.parse().ok());
        let seed = seed.unwrap_or(20_260_101);
        println!("{what}: COUNTERSIGN_SEED={seed}");
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A number of rounds: from `variable`, or `long` if `COUNTERSIGN_LONG` is set, or `usual`.
pub(crate) fn rounds(variable: &str, usual: u64, long: u64) -> u64 {
    let said = std::env::var(variable).ok().and_then(|it| it.parse().ok());
    let default = if std::env::var_os("COUNTERSIGN_LONG").is_some() {
        long
    } else {
        usual
    };
    said.unwrap_or(default)
}
