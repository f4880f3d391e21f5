//! Server role: answers `hq-interop` and `echo`, echoes datagrams, and closes on command from stdin.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use quinn::crypto::rustls::HandshakeData;
use quinn::{
    Connecting, Connection, ConnectionError, Endpoint, RecvStream, SendStream, ServerConfig, VarInt,
};
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

use crate::{certificates, close_argument, closed_line, transport, Failure, Line, Options};

/// What a missing file's stream is reset with.
const NOT_FOUND: VarInt = VarInt::from_u32(1);

/// Everything a connection's task needs to know of the server.
struct Server {
    root: PathBuf,
    datagrams: bool,
    key_update: bool,
    tickets: Arc<Tickets>,
    /// What `close` on stdin asked for, so that the lines about it can tell.
    closing: Mutex<Option<(u64, String)>>,
    live: Mutex<Vec<Connection>>,
}

pub async fn run(options: Options) -> Result<(), Failure> {
    let tickets =
        Arc::new(Tickets { cache: ServerSessionMemoryCache::new(256), used: AtomicBool::new(false) });
    let mut tls = rustls::ServerConfig::builder()
        .with_safe_defaults()
        .with_no_client_auth()
        .with_single_cert(certificates(options.required("cert")?)?, private_key(options.required("key")?)?)?;
    tls.alpn_protocols =
        options.list("alpn", "hq-interop,echo").into_iter().map(String::into_bytes).collect();
    tls.max_early_data_size = u32::MAX;
    tls.session_storage = tickets.clone();
    tls.key_log = Arc::new(rustls::KeyLogFile::new());

    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.use_retry(options.flag("retry"));
    config.transport_config(transport(&options)?);
    let host: IpAddr = options.text("host", "127.0.0.1").parse()?;
    let port = options.number("port", 0)? as u16;
    let endpoint = Endpoint::server(config, (host, port).into())?;

    let server = Arc::new(Server {
        root: PathBuf::from(options.text("root", ".")),
        datagrams: options.flag("datagrams"),
        key_update: options.flag("key-update"),
        tickets,
        closing: Mutex::default(),
        live: Mutex::default(),
    });
    Line::new("listening").number("port", endpoint.local_addr()?.port().into()).print();

    let accepting = server.clone();
    let incoming = endpoint.clone();
    tokio::spawn(async move {
        let mut count = 0;
        while let Some(connecting) = incoming.accept().await {
            count += 1;
            tokio::spawn(serve(accepting.clone(), connecting, count));
        }
    });
    obey(&server, commands()).await?;
    endpoint.close(VarInt::from_u32(0), b"server stops");
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), endpoint.wait_idle()).await;
    Ok(())
}

/// Lines of stdin, read on a thread because tokio's stdin would keep the process waiting.
fn commands() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// `close CODE,REASON` closes the live connections; `stop` or the end of stdin ends the server.
async fn obey(
    server: &Server,
    mut lines: tokio::sync::mpsc::UnboundedReceiver<String>,
) -> Result<(), Failure> {
    while let Some(line) = lines.recv().await {
        if line.trim() == "stop" {
            break;
        }
        if let Some(argument) = line.strip_prefix("close ") {
            let (code, reason) = close_argument(argument)?;
            *server.closing.lock().unwrap() = Some((code.into_inner(), reason.clone()));
            for connection in server.live.lock().unwrap().iter() {
                connection.close(code, reason.as_bytes());
            }
        }
    }
    Ok(())
}

async fn serve(server: Arc<Server>, mut connecting: Connecting, number: u64) {
    let remote = connecting.remote_address().to_string();
    let handshake = match connecting.handshake_data().await {
        Ok(data) => data.downcast::<HandshakeData>().ok(),
        Err(reason) => return closed_line(number, reason, None).print(),
    };
    let alpn = handshake.as_ref().and_then(|data| data.protocol.clone()).unwrap_or_default();
    let alpn = String::from_utf8_lossy(&alpn).into_owned();
    let name = handshake.and_then(|data| data.server_name).unwrap_or_default();
    // A server can always begin before the handshake ends: that is where 0-RTT streams are read.
    let (connection, complete) = match connecting.into_0rtt() {
        Ok(both) => both,
        Err(_) => return,
    };
    server.live.lock().unwrap().push(connection.clone());

    let streams = Arc::new(AtomicU64::new(0));
    let datagrams = Arc::new(AtomicU64::new(0));
    tokio::spawn(accept_streams(server.clone(), connection.clone(), number, alpn.clone(), streams.clone()));
    if server.datagrams {
        tokio::spawn(echo_datagrams(connection.clone(), datagrams.clone()));
    }
    complete.await;
    let resumed = server.tickets.used.swap(false, Ordering::Relaxed);
    // A quick peer may have closed already; an application close comes only after the handshake.
    if matches!(connection.close_reason(), None | Some(ConnectionError::ApplicationClosed(_))) {
        Line::new("established")
            .number("connection", number)
            .text("alpn", &alpn)
            .text("serverName", &name)
            .text("remote", &remote)
            .boolean("resumed", resumed)
            .print();
    }
    let reason = connection.closed().await;
    let local = server.closing.lock().unwrap().clone();
    server.live.lock().unwrap().retain(|other| other.stable_id() != connection.stable_id());
    closed_line(number, reason, local)
        .number("streams", streams.load(Ordering::Relaxed))
        .number("datagrams", datagrams.load(Ordering::Relaxed))
        .text("lastRemote", &connection.remote_address().to_string())
        .print();
}

async fn accept_streams(
    server: Arc<Server>,
    connection: Connection,
    number: u64,
    alpn: String,
    streams: Arc<AtomicU64>,
) {
    while let Ok((send, receive)) = connection.accept_bi().await {
        let first = streams.fetch_add(1, Ordering::Relaxed) == 0;
        if alpn == "echo" {
            tokio::spawn(echo(send, receive));
        } else {
            let answering = connection.clone();
            let server = server.clone();
            tokio::spawn(async move {
                let key_update = (first && server.key_update).then_some(answering);
                let _ = answer(&server, key_update, number, send, receive).await;
            });
        }
    }
}

/// HTTP/0.9: one request line, then the file and the end of the stream.
async fn answer(
    server: &Server,
    key_update: Option<Connection>,
    number: u64,
    mut send: SendStream,
    mut receive: RecvStream,
) -> Result<(), Failure> {
    let mut request = Vec::new();
    while !request.contains(&b'\n') && request.len() < 4096 {
        match receive.read_chunk(4096, true).await? {
            Some(chunk) => request.extend_from_slice(&chunk.bytes),
            None => break,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.trim_end().strip_prefix("GET ").unwrap_or("").to_owned();
    let file = read_below(&server.root, &path);
    Line::new("request")
        .number("connection", number)
        .number("stream", VarInt::from(receive.id()).into_inner())
        .text("path", &path)
        .boolean("zeroRtt", receive.is_0rtt())
        .boolean("found", file.is_some())
        .print();
    let file = match file {
        Some(file) => file,
        None => return Ok(send.reset(NOT_FOUND)?),
    };
    let middle = file.len() / 2;
    send.write_all(&file[..middle]).await?;
    if let Some(connection) = key_update {
        connection.force_key_update();
        Line::new("key-update").number("connection", number).boolean("remote", false).print();
    }
    send.write_all(&file[middle..]).await?;
    send.finish().await?;
    Ok(())
}

fn read_below(root: &Path, path: &str) -> Option<Vec<u8>> {
    let relative = path.trim_start_matches('/');
    if relative.split('/').any(|part| part == "..") {
        return None;
    }
    std::fs::read(root.join(relative)).ok()
}

async fn echo(mut send: SendStream, mut receive: RecvStream) -> Result<(), Failure> {
    while let Some(chunk) = receive.read_chunk(65_536, true).await? {
        send.write_chunk(chunk.bytes).await?;
    }
    send.finish().await?;
    Ok(())
}

async fn echo_datagrams(connection: Connection, count: Arc<AtomicU64>) {
    while let Ok(datagram) = connection.read_datagram().await {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = connection.send_datagram(datagram);
    }
}

fn private_key(path: &str) -> Result<rustls::PrivateKey, Failure> {
    let mut pem = std::io::BufReader::new(std::fs::File::open(path)?);
    while let Some(item) = rustls_pemfile::read_one(&mut pem)? {
        match item {
            rustls_pemfile::Item::PKCS8Key(der)
            | rustls_pemfile::Item::ECKey(der)
            | rustls_pemfile::Item::RSAKey(der) => return Ok(rustls::PrivateKey(der)),
            _ => {}
        }
    }
    Err(format!("{path}: no private key").into())
}

/// The normal ticket memory, and whether one was used: rustls tells nobody that it resumed.
/// With several handshakes at once the flag may be put on the wrong one of them.
struct Tickets {
    cache: Arc<ServerSessionMemoryCache>,
    used: AtomicBool,
}

impl StoresServerSessions for Tickets {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.cache.put(key, value)
    }
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.cache.get(key)
    }
    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.cache.take(key);
        if found.is_some() {
            self.used.store(true, Ordering::Relaxed);
        }
        found
    }
    fn can_cache(&self) -> bool {
        self.cache.can_cache()
    }
}
