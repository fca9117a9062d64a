//! A server that speaks the wire formats of providers, on a loopback port that the system chooses.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server sends for one request.
pub(crate) struct Answer {
    status: u16,
    /// Each is one chunk of the transfer, so the client reads them one by one.
    chunks: Vec<Vec<u8>>,
    /// Whether the connection is closed in the middle.
    cut: bool,
}

impl Answer {
    /// A stream in these chunks.
    pub(crate) fn chunks<T: Into<Vec<u8>>>(chunks: impl IntoIterator<Item = T>) -> Self {
        Self {
            status: 200,
            chunks: chunks.into_iter().map(Into::into).collect(),
            cut: false,
        }
    }

    /// A stream that is torn apart every so many bytes: in the middle of lines, words and characters.
    pub(crate) fn torn(stream: &str, every: usize) -> Self {
        Self::chunks(stream.as_bytes().chunks(every).map(<[u8]>::to_vec))
    }

    /// An error with this body.
    pub(crate) fn error(status: u16, body: &str) -> Self {
        Self {
            status,
            ..Self::chunks([body])
        }
    }

    /// The same, but the connection is closed before its end.
    pub(crate) fn cut(self) -> Self {
        Self { cut: true, ..self }
    }
}

/// A server that gives these answers, one after the other.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let answers: Vec<Answer> = answers.into_iter().collect();
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let request = serve(stream, answer).await;
                heard.lock().unwrap().push(request);
            }
        });
        Self { address, asked }
    }

    /// With a path as the provider's own address has.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer) -> Asked {
    let request = read(&mut stream).await;
    let head = format!(
        "HTTP/1.1 {} So it is\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        answer.status
    );
    // A client that has seen enough may be gone: that is its right.
    let _ = stream.write_all(head.as_bytes()).await;
    for chunk in answer.chunks {
        let mut sent = format!("{:x}\r\n", chunk.len()).into_bytes();
        sent.extend(chunk);
        sent.extend(b"\r\n");
        let _ = stream.write_all(&sent).await;
    }
    if !answer.cut {
        let _ = stream.write_all(b"0\r\n\r\n").await;
    }
    let _ = stream.shutdown().await;
    request
}

async fn read(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|it| {
                let (name, value) = it.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().unwrap())
            });
            let body = &bytes[end + 4..];
            if body.len() >= length.unwrap_or(0) {
                let body = serde_json::from_slice(body).unwrap_or_default();
                return Asked { head, body };
            }
        }
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(read > 0, "the request ended early");
    }
}
