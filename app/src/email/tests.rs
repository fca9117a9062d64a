//! Mails as a server gets them: one that speaks just enough SMTP, in this process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::prelude::*;
use countersign::store::{EdgeFilter, Sqlite};
use countersign::testing::TestClock;
use countersign::{Call, CallId};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Emails;
use super::server::{Security, Server};
use crate::config::{Config, Notify, USUAL};
use crate::outbox::look::{self, Again};
use crate::outbox::{Channels, DEAD, DUE, Fault, Outbox, SENT};

/// Raise a bridge.
#[approval(required, pool = "managers", quorum = 2, expires_in = "8h")]
#[tool]
fn raise_bridge(gate: String) -> String {
    gate
}

/// Ship a crate.
#[tool(requires_confirmation)]
fn ship_crate(to: String) -> String {
    to
}

/// Wave a flag.
#[tool]
fn wave_flag(to: String) -> String {
    to
}

const POLICY: &str = r#"
    actors.alice = { kind = "person" }
    actors."=?utf-8?q?=0d=0abcc:_eve?=" = { kind = "person" }
    actors.bob = { kind = "person", roles = ["manager"] }
    actors.carol = { kind = "person", roles = ["manager"] }
    [pools.managers]
    roles = ["manager"]
    notify = ["mailto:ops@example.com"]
    escalate_after = "4h"
    escalate_to = ["mailto:boss@example.com"]
    [[rules]]
    tool = "wave_flag"
    name = "far\r\nBcc: eve@example.com\u202e"
    when = ['/to == "far"']
    requires_confirmation = true
"#;

/// What the server answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Fine,
    /// It takes nothing now.
    Busy,
    /// It knows nobody of that name.
    Unknown,
    /// It takes mails from nobody like us.
    Unwanted,
    /// It does not take this one now.
    Full,
    /// It hangs up in the middle.
    Silent,
}

/// Everything that was said to the server, and the mails that it took.
#[derive(Clone)]
struct Post {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    mails: Arc<Mutex<Vec<String>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Post {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let post = Self {
            port: listener.local_addr().unwrap().port(),
            mood: Arc::new(Mutex::new(Mood::Fine)),
            mails: Arc::default(),
            heard: Arc::default(),
        };
        let serving = post.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.talk(connection).await });
            }
        });
        post
    }

    async fn talk(&self, connection: TcpStream) -> Option<()> {
        let mood = *self.mood.lock().unwrap();
        let mut connection = BufReader::new(connection);
        let greeting: &[u8] = if mood == Mood::Busy {
            b"421 not now\r\n"
        } else {
            b"220 post\r\n"
        };
        connection.write_all(greeting).await.ok()?;
        let mut mail: Option<String> = None;
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if let Some(text) = &mut mail {
                if line != ".\r\n" {
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    continue;
                }
                self.mails.lock().unwrap().extend(mail.take());
                connection.write_all(b"250 kept\r\n").await.ok()?;
                continue;
            }
            self.heard.lock().unwrap().push(line.trim().to_owned());
            let word = line.split([' ', '\r']).next().unwrap_or_default();
            let answer: &[u8] = match word {
                "EHLO" => b"250-post\r\n250 8BITMIME\r\n",
                "MAIL" if mood == Mood::Unwanted => b"550 not from you\r\n",
                "RCPT" if mood == Mood::Full => b"452 4.2.2 the mailbox is full\r\n",
                "DATA" if mood == Mood::Silent => return None,
                "RCPT" if mood == Mood::Unknown => b"550 5.1.1 no such person\r\n",
                "DATA" => {
                    mail = Some(String::new());
                    b"354 go on\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 fine\r\n",
            };
            connection.write_all(answer).await.ok()?;
        }
    }

    fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

struct World {
    engine: Engine,
    clock: TestClock,
    post: Post,
    outbox: Arc<Outbox>,
    _stopping: watch::Sender<bool>,
    _data: TempDir,
}

impl World {
    async fn new() -> Self {
        let (data, clock, post) = (tempfile::tempdir().unwrap(), TestClock::new(), Post::open().await);
        let engine = Engine::builder()
            .store(Sqlite::open(data.path().join("countersign.db")).unwrap())
            .registry(Registry::of::<(raise_bridge, ship_crate, wave_flag)>().unwrap())
            .policy(Policy::parse(POLICY).unwrap())
            .clock(clock.clone())
            .worker(false)
            .start()
            .await
            .unwrap();
        let config = configured(
            &data,
            &format!(
                "[email]\nsmtp = 'smtp://127.0.0.1:{}'\nfrom = 'Gate Keeper <keeper@ops.example>'\n\
                 people.alice = 'alice@example.com'\npeople.'=?utf-8?q?=0d=0abcc:_eve?=' = 'eve@example.com'",
                post.port
            ),
        );
        let mut channels = Channels::default();
        channels.add("mailto", emails(&engine, &config).unwrap());
        let (stopping, running) = watch::channel(false);
        let outbox = Outbox::new(engine.clone(), channels, Notify::default(), running);
        let world = Self {
            engine,
            clock,
            post,
            outbox: Arc::new(outbox),
            _stopping: stopping,
            _data: data,
        };
        world.look().await;
        world
    }

    async fn look(&self) {
        self.outbox.fill().await.unwrap();
        self.outbox.send().await.unwrap();
    }

    async fn propose(&self, tool: &str, arguments: &str, by: &str) -> CallId {
        let by = Identity::asserted(by).unwrap();
        match self.engine.call(tool, arguments).by(&by).await.unwrap() {
            Called::Waiting(waiting) => waiting.call_id(),
            Called::Done(_) => panic!("it waits"),
        }
    }

    async fn call(&self, call: CallId) -> Call {
        self.engine.desk().call(call).await.unwrap()
    }

    async fn approve(&self, call: CallId, by: &str) {
        let asked = self.call(call).await.requirements().remove(0);
        let by = Identity::asserted(by).unwrap();
        self.engine
            .desk()
            .decide(Decision::approve(&asked).by(&by))
            .await
            .unwrap();
    }

    async fn kept(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for (count, kind) in counts.iter_mut().zip([DUE, SENT, DEAD]) {
            let (store, tenant) = (self.engine.store(), self.engine.tenant());
            *count = store
                .edges(tenant, &EdgeFilter::of(kind), None, 100)
                .await
                .unwrap()
                .len();
        }
        counts
    }
}

fn configured(data: &TempDir, text: &str) -> Config {
    std::fs::write(data.path().join(USUAL), text).unwrap();
    Config::find(None, data.path()).unwrap()
}

fn emails(engine: &Engine, config: &Config) -> Result<Emails, crate::failure::Failure> {
    let email = config.email.as_ref().unwrap();
    Emails::new(engine.clone(), config, email, "https://ops.example")
}

/// A header, its lines joined.
fn header(mail: &str, name: &str) -> Option<String> {
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ");
    let found: Vec<_> = head
        .lines()
        .filter_map(|it| it.strip_prefix(&format!("{name}: ")))
        .collect();
    assert!(found.len() < 2, "{name} more than once: {mail}");
    found.first().map(|it| (*it).to_owned())
}

fn names(mail: &str) -> Vec<String> {
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    let lines = head.lines().filter(|it| !it.starts_with(' '));
    let mut names: Vec<_> = lines.map(|it| it.split(':').next().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The text, as whoever reads it sees it: RFC 2045, section 6.7.
fn body(mail: &str) -> String {
    let (_, body) = mail.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        header(mail, "Content-Transfer-Encoding").as_deref(),
        Some("quoted-printable")
    );
    let (body, mut bytes) = (body.replace("=\r\n", "").replace("\r\n", "\n"), Vec::new());
    let mut parts = body.split('=');
    bytes.extend(parts.next().unwrap().bytes());
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_pool_gets_a_thread_of_mails_without_arguments_and_with_one_link_to_look() {
    let world = World::new().await;
    let call = world
        .propose("raise_bridge", r#"{"gate":"the north one"}"#, "alice")
        .await;
    world.look().await;
    world.clock.advance(Duration::from_hours(4));
    world.engine.worker().sweep().await.unwrap();
    world.look().await;
    world.clock.advance(Duration::from_hours(2));
    world.engine.worker().sweep().await.unwrap();
    world.look().await;
    world.approve(call, "bob").await;
    world.look().await;
    world.approve(call, "carol").await;
    world.look().await;
    let mails = world.post.mails();
    let of = |to: &str| -> Vec<&String> {
        let found = mails.iter().filter(|it| header(it, "To").as_deref() == Some(to));
        found.collect()
    };
    let (ops, boss) = (of("ops@example.com"), of("boss@example.com"));
    let first_lines = |mails: &[&String]| -> Vec<String> {
        mails
            .iter()
            .map(|it| body(it).lines().next().unwrap().to_owned())
            .collect()
    };
    let escalated = "Nobody has answered so far, so others are told as well.";
    let (warned, decided) = ("Three quarters of the time are over.", "It is decided.");
    let asked = "raise_bridge, asked by alice: the pool managers is asked for approval (0 of 2 so far).";
    assert_eq!(first_lines(&ops), [asked, escalated, warned, decided]);
    assert_eq!(first_lines(&boss), [escalated, warned, decided]);
    for thread in [&ops, &boss] {
        let root = header(thread[0], "Message-ID").unwrap();
        assert!(
            root.starts_with("<msg_") && root.ends_with("@ops.example>"),
            "{root}"
        );
        assert_eq!(header(thread[0], "References"), None);
        for mail in &thread[1..] {
            assert_eq!(header(mail, "References").as_ref(), Some(&root));
            assert_eq!(header(mail, "In-Reply-To").as_ref(), Some(&root));
            assert_eq!(
                header(mail, "Subject").unwrap(),
                "Re: raise_bridge, asked by alice"
            );
        }
    }
    let mut ids: Vec<_> = mails.iter().map(|it| header(it, "Message-ID").unwrap()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), mails.len());
    for mail in &mails {
        assert_eq!(header(mail, "Auto-Submitted").as_deref(), Some("auto-generated"));
        assert_eq!(
            header(mail, "Content-Type").as_deref(),
            Some("text/plain; charset=utf-8")
        );
        assert!(
            !mail.contains("the north one") && !mail.contains("req_"),
            "{mail}"
        );
        let text = body(mail);
        let links: Vec<_> = text.split_whitespace().filter(|it| it.contains("://")).collect();
        assert_eq!(links, [format!("https://ops.example/calls/{call}")]);
    }
    let text = body(ops[0]);
    assert!(
        text.contains("\nWhy it waits: because the function is annotated so.\n"),
        "{text}"
    );
    assert!(text.contains(" UTC, 8 h left when this was written.\n"), "{text}");
}

#[tokio::test]
async fn whoever_is_asked_himself_gets_it_himself_and_withdrawing_is_no_mail() {
    let world = World::new().await;
    let call = world.propose("ship_crate", r#"{"to":"dock"}"#, "alice").await;
    world.look().await;
    let mails = world.post.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(header(&mails[0], "To").unwrap(), "alice@example.com");
    assert_eq!(
        header(&mails[0], "From").unwrap(),
        "\"Gate Keeper\" <keeper@ops.example>"
    );
    let alice = Identity::asserted("alice").unwrap();
    world.engine.desk().cancel(call, &alice, None).await.unwrap();
    world.look().await;
    assert_eq!((world.post.mails().len(), world.kept().await), (1, [0, 1, 0]));
}

#[tokio::test]
async fn no_name_is_a_header_and_what_deceives_is_written_out() {
    let world = World::new().await;
    world
        .propose("wave_flag", r#"{"to":"far"}"#, "=?utf-8?q?=0d=0abcc:_eve?=")
        .await;
    world.look().await;
    let mail = world.post.mails().remove(0);
    let expected = [
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "Message-ID",
        "Subject",
        "To",
    ];
    assert_eq!(names(&mail), expected);
    let subject = header(&mail, "Subject").unwrap();
    assert!(
        !subject.contains("=?utf-8?q?=0d"),
        "a mail program would decode it: {subject}"
    );
    let text = body(&mail);
    assert!(text.contains(r"“far\r\nBcc: eve@example.com\u{202e}”"), "{text}");
    assert!(text.lines().all(|it| !it.starts_with("Bcc")), "{text}");
    assert!(
        !mail.contains('\u{202e}') && !mail.contains("=E2=80=AE"),
        "{mail}"
    );
}

#[tokio::test]
async fn a_server_that_is_busy_gets_it_later_with_the_same_id_once() {
    let world = World::new().await;
    *world.post.mood.lock().unwrap() = Mood::Busy;
    world
        .propose("raise_bridge", r#"{"gate":"north"}"#, "alice")
        .await;
    world.look().await;
    assert_eq!((world.post.mails().len(), world.kept().await), (0, [1, 0, 0]));
    // Nor does it count against the recipient that the server does not want our mails.
    *world.post.mood.lock().unwrap() = Mood::Unwanted;
    world.clock.advance(Duration::from_mins(1));
    world.look().await;
    assert_eq!((world.post.mails().len(), world.kept().await), (0, [1, 0, 0]));
    *world.post.mood.lock().unwrap() = Mood::Fine;
    world.clock.advance(Duration::from_mins(5));
    for _ in 0..3 {
        world.look().await;
    }
    assert_eq!((world.post.mails().len(), world.kept().await), (1, [0, 1, 0]));
}

#[tokio::test]
async fn a_recipient_whom_the_server_does_not_know_is_given_up_until_somebody_sends_again() {
    let world = World::new().await;
    *world.post.mood.lock().unwrap() = Mood::Unknown;
    world
        .propose("raise_bridge", r#"{"gate":"north"}"#, "alice")
        .await;
    world.look().await;
    assert_eq!(world.kept().await, [0, 0, 1]);
    let (store, tenant) = (world.engine.store(), world.engine.tenant());
    let dead = store
        .edges(tenant, &EdgeFilter::of(DEAD), None, 1)
        .await
        .unwrap()
        .remove(0);
    assert!(dead.state.contains("no such person"), "{}", dead.state);
    // Sent again once the server knows that person: the same mail, by its id.
    *world.post.mood.lock().unwrap() = Mood::Fine;
    let olivia = Identity::asserted("olivia").unwrap();
    let again = look::again(&world.engine, &dead.id, &olivia).await.unwrap();
    assert!(matches!(again, Again::Due(_)), "{again:?}");
    for _ in 0..2 {
        world.look().await;
    }
    let mails = world.post.mails();
    assert_eq!((mails.len(), world.kept().await), (1, [0, 1, 0]));
    let id = header(&mails[0], "Message-ID").unwrap();
    assert_eq!(id, format!("<{}@ops.example>", dead.id));
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_where_tls_is_demanded() {
    let post = Post::open().await;
    let url = format!("smtp://user:pass%20word@127.0.0.1:{}?tls=required", post.port);
    let server = Server::read(&url, "ops.example").unwrap();
    let place = || "ops@example.com".parse().unwrap();
    let fault = server.send(place(), place(), b"x").await.unwrap_err();
    assert!(matches!(fault, Fault::Down { .. }), "{fault:?}");
    let heard = post.heard.lock().unwrap().clone();
    assert!(
        heard.iter().all(|it| it.starts_with("EHLO") || it == "QUIT"),
        "{heard:?}"
    );
    assert!(post.mails().is_empty());
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_down_and_one_mail_that_it_refuses_is_one() {
    let post = Post::open().await;
    let server = |url: &str| Server::read(url, "ops.example").unwrap();
    let here = server(&format!("smtp://127.0.0.1:{}", post.port));
    let place = || "ops@example.com".parse().unwrap();
    for (mood, expected) in [
        (Mood::Busy, "Down"),
        (Mood::Unwanted, "Down"),
        (Mood::Silent, "Down"),
        (Mood::Full, "Later"),
        (Mood::Unknown, "Never"),
    ] {
        *post.mood.lock().unwrap() = mood;
        let fault = here.send(place(), place(), b"x").await.unwrap_err();
        assert!(
            format!("{fault:?}").starts_with(expected),
            "{expected}: {fault:?}"
        );
    }
    // Nobody listens; nobody is known there by a password.
    *post.mood.lock().unwrap() = Mood::Fine;
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    for url in [
        format!("smtp://127.0.0.1:{closed}"),
        format!("smtp://user:password@127.0.0.1:{}", post.port),
    ] {
        let fault = server(&url).send(place(), place(), b"x").await.unwrap_err();
        assert!(matches!(fault, Fault::Down { .. }), "{fault:?}");
    }
    here.send(place(), place(), b"x\r\n").await.unwrap();
    assert_eq!(post.mails().len(), 1);
}

#[test]
fn tls_is_demanded_of_every_server_that_is_not_here() {
    let security = |url: &str| Server::read(url, "ops.example").map(|it| it.security);
    for url in [
        "smtp://mail.example",
        "smtp://10.0.0.1:25",
        "smtp://u:p@mail.example?tls=required",
    ] {
        assert!(matches!(security(url), Ok(Security::StartTls(_))), "{url}");
    }
    assert!(matches!(
        security("smtps://u:p@mail.example"),
        Ok(Security::Wrapper(_))
    ));
    for url in [
        "smtp://localhost",
        "smtp://127.0.0.1:2525",
        "smtp://[::1]",
        "smtp://mail.example?tls=none",
    ] {
        assert!(matches!(security(url), Ok(Security::None)), "{url}");
    }
    for url in [
        "secret",
        "http://secret",
        "smtp://",
        "smtp://user@secret",
        "smtp://secret?tls=opportunistic",
        "smtp://secret?tls=none&tls=required",
        "smtp://secret?ssl=no",
        "smtps://secret?tls=none",
        "smtp://secret/path",
    ] {
        let error = security(url).err().unwrap_or_else(|| panic!("{url}"));
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn settings_are_checked_at_the_start() {
    let world = World::new().await;
    let data = tempfile::tempdir().unwrap();
    let wrong = |rest: &str| {
        let config = configured(&data, &format!("[email]\n{rest}"));
        emails(&world.engine, &config).err().unwrap().to_string()
    };
    let error = wrong("smtp = 'ftp://user:hush@mail.example'\nfrom = 'a@b.example'");
    assert!(
        error.contains("email.smtp: ") && !error.contains("hush"),
        "{error}"
    );
    assert!(wrong("smtp = 'smtp://localhost'\nfrom = 'nobody'").contains("email.from: "));
    let error = wrong("smtp = 'smtp://localhost'\nfrom = 'a@b.example'\npeople.alice = 'x'");
    assert!(error.contains("email.people.alice: "), "{error}");
}
