//! The quinn peer of the interop tests: `quinn-peer server …` or `quinn-peer client …`.
//!
//! Options and output lines are the same for all peers and are described in ../../README.md.
//! This file reads the options and owns what both roles share: output lines, PEM, transport limits.

mod client;
mod server;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionError, IdleTimeout, TransportConfig, VarInt};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let outcome = Options::parse(arguments).and_then(|options| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match mode.as_str() {
                "server" => server::run(options).await,
                "client" => {
                    let limit = Duration::from_secs(options.number("timeout", 60)?);
                    match tokio::time::timeout(limit, client::run(options)).await {
                        Ok(outcome) => outcome,
                        Err(_) => Err(format!("not done after {limit:?}").into()),
                    }
                }
                _ => Err("usage: quinn-peer server|client [--option value]…".into()),
            }
        })
    });
    let code = match outcome {
        Ok(()) => 0,
        Err(failure) => {
            Line::new("error").text("message", &failure.to_string()).print();
            1
        }
    };
    std::process::exit(code);
}

/// `--name value` pairs and `--flag`s of the command line.
#[derive(Clone)]
pub struct Options(HashMap<String, String>);

const FLAGS: [&str; 5] = ["retry", "key-update", "resume", "zero-rtt", "wait-close"];

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut found = HashMap::new();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").ok_or(format!("not an option: {argument}"))?;
            let value = if FLAGS.contains(&name) {
                String::new()
            } else {
                arguments.next().ok_or(format!("--{name} needs a value"))?
            };
            found.insert(name.to_owned(), value);
        }
        Ok(Self(found))
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn text<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        self.optional(name).unwrap_or(otherwise)
    }

    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.optional(name).ok_or_else(|| format!("--{name} is missing").into())
    }

    pub fn number(&self, name: &str, otherwise: u64) -> Result<u64, Failure> {
        match self.optional(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|_| format!("--{name} {text}: not a number").into()),
        }
    }

    pub fn list(&self, name: &str, otherwise: &str) -> Vec<String> {
        let text = self.text(name, otherwise);
        text.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }
}

/// One output line: a JSON object with its `event` first.
pub struct Line(String);

impl Line {
    pub fn new(event: &str) -> Self {
        Self(format!("{{\"event\":\"{event}\""))
    }

    pub fn text(mut self, key: &str, value: &str) -> Self {
        let _ = write!(self.0, ",\"{key}\":\"");
        for character in value.chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                other if (other as u32) < 0x20 => drop(write!(self.0, "\\u{:04x}", other as u32)),
                other => self.0.push(other),
            }
        }
        self.0.push('"');
        self
    }

    pub fn number(mut self, key: &str, value: u64) -> Self {
        let _ = write!(self.0, ",\"{key}\":{value}");
        self
    }

    pub fn boolean(mut self, key: &str, value: bool) -> Self {
        let _ = write!(self.0, ",\"{key}\":{value}");
        self
    }

    pub fn print(mut self) {
        self.0.push_str("}\n");
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(self.0.as_bytes());
        let _ = out.flush();
    }
}

/// How a connection ended. `local` is what this side gave to `close`, if it closed.
pub fn closed_line(connection: u64, reason: ConnectionError, local: Option<(u64, String)>) -> Line {
    let (kind, code, text, remote) = match reason {
        ConnectionError::ApplicationClosed(close) => {
            ("application", close.error_code.into_inner(), lossy(&close.reason), true)
        }
        ConnectionError::ConnectionClosed(close) => {
            ("transport", u64::from(close.error_code), lossy(&close.reason), true)
        }
        ConnectionError::TransportError(error) => ("transport", u64::from(error.code), error.reason, false),
        ConnectionError::LocallyClosed => {
            let (code, text) = local.unwrap_or_default();
            ("application", code, text, false)
        }
        ConnectionError::TimedOut => ("timeout", 0, String::new(), false),
        ConnectionError::Reset => ("reset", 0, String::new(), true),
        ConnectionError::VersionMismatch => ("version", 0, String::new(), true),
    };
    Line::new("closed")
        .number("connection", connection)
        .text("kind", kind)
        .number("code", code)
        .text("reason", &text)
        .boolean("remote", remote)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `CODE` or `CODE,REASON`.
pub fn close_argument(text: &str) -> Result<(VarInt, String), Failure> {
    let (code, reason) = text.split_once(',').unwrap_or((text, ""));
    let code = VarInt::from_u64(code.trim().parse()?)?;
    Ok((code, reason.to_owned()))
}

pub fn certificates(path: &str) -> Result<Vec<rustls::Certificate>, Failure> {
    let mut pem = std::io::BufReader::new(std::fs::File::open(path)?);
    Ok(rustls_pemfile::certs(&mut pem)?.into_iter().map(rustls::Certificate).collect())
}

/// Limits that both roles announce; datagrams are offered only when asked for.
pub fn transport(options: &Options) -> Result<Arc<TransportConfig>, Failure> {
    let mut transport = TransportConfig::default();
    let streams = VarInt::from_u64(options.number("max-streams", 100)?)?;
    transport.max_concurrent_bidi_streams(streams);
    transport.max_concurrent_uni_streams(streams);
    let idle = VarInt::from_u64(options.number("idle-timeout", 10_000)?)?;
    transport.max_idle_timeout(Some(IdleTimeout::from(idle)));
    if !options.flag("datagrams") {
        transport.datagram_receive_buffer_size(None);
    }
    Ok(Arc::new(transport))
}
