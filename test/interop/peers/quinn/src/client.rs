//! Client role: downloads over `hq-interop`, echoes over `echo`, and makes the events asked for on
//! the way (key update, rebinding, resumption, 0-RTT, datagrams).

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::crypto::rustls::HandshakeData;
use quinn::{ClientConfig, Connection, Endpoint, ReadError, VarInt, WriteError};
use ring::digest::{Context, SHA256};
use rustls::client::{
    ClientSessionMemoryCache, ServerCertVerified, ServerCertVerifier, StoresClientSessions, WebPkiVerifier,
};

use crate::{certificates, close_argument, closed_line, transport, Failure, Line, Options};

/// Rebindings are this many received bytes apart.
const REBIND_EVERY: u64 = 256 * 1024;
/// A key update is made when this many bytes came.
const KEY_UPDATE_AFTER: u64 = 64 * 1024;

/// What the tasks of one connection share.
struct Session {
    number: u64,
    endpoint: Endpoint,
    connection: Connection,
    options: Options,
    received: AtomicU64,
    rebound: AtomicU64,
    key_updated: AtomicBool,
}

pub async fn run(options: Options) -> Result<(), Failure> {
    let verified = Arc::new(AtomicUsize::new(0));
    let stored = Arc::new(AtomicUsize::new(0));
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(options.required("ca")?)? {
        roots.add(&certificate)?;
    }
    let verifier = Verifier { inner: WebPkiVerifier::new(roots, None), calls: verified.clone() };
    let mut tls = rustls::ClientConfig::builder()
        .with_safe_defaults()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    tls.alpn_protocols = options.list("alpn", "hq-interop").into_iter().map(String::into_bytes).collect();
    tls.enable_early_data = options.flag("zero-rtt");
    tls.key_log = Arc::new(rustls::KeyLogFile::new());
    tls.session_storage =
        Arc::new(Tickets { cache: ClientSessionMemoryCache::new(256), stored: stored.clone() });
    let mut config = ClientConfig::new(Arc::new(tls));
    config.transport_config(transport(&options)?);

    let port = options.number("port", 0)? as u16;
    let remote = (options.text("host", "127.0.0.1"), port).to_socket_addrs()?.next().ok_or("no address")?;
    let mut endpoint = Endpoint::client(local_address(remote))?;
    endpoint.set_default_client_config(config);

    let outcome = connections(&options, &endpoint, remote, &verified, &stored).await;
    // Whatever happened, the peer hears of it before the process ends.
    let _ = tokio::time::timeout(Duration::from_secs(2), endpoint.wait_idle()).await;
    outcome
}

async fn connections(
    options: &Options,
    endpoint: &Endpoint,
    remote: SocketAddr,
    verified: &AtomicUsize,
    stored: &AtomicUsize,
) -> Result<(), Failure> {
    let jobs = jobs(options)?;
    if !options.flag("resume") && !options.flag("zero-rtt") {
        return connect(options, endpoint, remote, 1, verified, &jobs, None).await;
    }
    let first = &jobs[..1.min(jobs.len())];
    connect(options, endpoint, remote, 1, verified, first, Some(stored)).await?;
    connect(options, endpoint, remote, 2, verified, &jobs, None).await
}

fn local_address(remote: SocketAddr) -> SocketAddr {
    let any = if remote.is_ipv6() { "[::1]:0" } else { "127.0.0.1:0" };
    any.parse().expect("a literal address")
}

#[derive(Clone)]
enum Job {
    Get(String),
    Echo(usize),
}

fn jobs(options: &Options) -> Result<Vec<Job>, Failure> {
    let mut once: Vec<Job> = options.list("requests", "").into_iter().map(Job::Get).collect();
    if let Some(size) = options.optional("echo") {
        once.push(Job::Echo(size.parse()?));
    }
    let times = options.number("streams", 1)? as usize;
    Ok((0..times).flat_map(|_| once.clone()).collect())
}

/// One connection from handshake to close. `tickets`: wait for one of them before closing.
async fn connect(
    options: &Options,
    endpoint: &Endpoint,
    remote: SocketAddr,
    number: u64,
    verified: &AtomicUsize,
    jobs: &[Job],
    tickets: Option<&AtomicUsize>,
) -> Result<(), Failure> {
    verified.store(0, Ordering::Relaxed);
    let connecting = endpoint.connect(remote, options.text("name", "localhost"))?;
    let early = if options.flag("zero-rtt") { connecting.into_0rtt() } else { Err(connecting) };
    let mut tried_early = false;
    let (connection, accepted) = match early {
        Ok((connection, accepted)) => {
            tried_early = true;
            (connection, Some(accepted))
        }
        Err(connecting) => match connecting.await {
            Ok(connection) => (connection, None),
            Err(reason) => {
                closed_line(number, reason.clone(), None).print();
                return Err(reason.into());
            }
        },
    };
    let session = Arc::new(Session {
        number,
        endpoint: endpoint.clone(),
        connection: connection.clone(),
        options: options.clone(),
        received: AtomicU64::new(0),
        rebound: AtomicU64::new(0),
        key_updated: AtomicBool::new(false),
    });
    let running = start(&session, jobs, tried_early);
    let early_accepted = match accepted {
        Some(accepted) => accepted.await,
        None => false,
    };
    if connection.close_reason().is_none() {
        let alpn = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
        let alpn = alpn.and_then(|data| data.protocol).unwrap_or_default();
        Line::new("established")
            .number("connection", number)
            .text("alpn", &String::from_utf8_lossy(&alpn))
            .boolean("resumed", verified.load(Ordering::Relaxed) == 0)
            .boolean("zeroRtt", early_accepted)
            .print();
    }

    let mut rejected = Vec::new();
    let mut failed = None;
    for (job, task) in running {
        match task.await? {
            Ok(()) => {}
            Err(failure) if tried_early && !early_accepted && is_early_rejection(&failure) => {
                rejected.push(job)
            }
            Err(failure) => failed = Some(failure),
        }
    }
    for (_, task) in start(&session, &rejected, false) {
        task.await??;
    }
    if failed.is_none() {
        if let Err(failure) = datagrams(&session).await {
            failed = Some(failure);
        }
    }
    if let Some(stored) = tickets {
        wait_for_ticket(stored).await;
    }
    let (reason, local) = if options.flag("wait-close") {
        (connection.closed().await, None)
    } else {
        let (code, reason) = close_argument(options.text("close", "0,done"))?;
        connection.close(code, reason.as_bytes());
        (connection.closed().await, Some((code.into_inner(), reason)))
    };
    closed_line(number, reason, local).print();
    failed.map_or(Ok(()), Err)
}

type Task = tokio::task::JoinHandle<Result<(), Failure>>;

fn start(session: &Arc<Session>, jobs: &[Job], early: bool) -> Vec<(Job, Task)> {
    let jobs = jobs.iter().cloned();
    jobs.map(|job| (job.clone(), tokio::spawn(exchange(session.clone(), job, early)))).collect()
}

/// One stream: send, read to the end, print length and hash.
async fn exchange(session: Arc<Session>, job: Job, early: bool) -> Result<(), Failure> {
    let outcome = transfer(&session, &job, early).await;
    if let Err(failure) = &outcome {
        if !is_early_rejection(failure) {
            let mut line = Line::new("failed").number("connection", session.number).text("path", job.name());
            if let Some(ReadError::Reset(code)) = failure.downcast_ref() {
                line = line.number("code", code.into_inner());
            }
            line.text("message", &failure.to_string()).print();
        }
    }
    outcome
}

async fn transfer(session: &Arc<Session>, job: &Job, early: bool) -> Result<(), Failure> {
    let (mut send, mut receive) = session.connection.open_bi().await?;
    let payload = job.payload();
    let expected = matches!(job, Job::Echo(_)).then(|| hex(ring::digest::digest(&SHA256, &payload).as_ref()));
    // Written beside the reading: an echo of more than the windows hold would wait for itself.
    let writing: Task = tokio::spawn(async move {
        send.write_all(&payload).await?;
        send.finish().await?;
        Ok(())
    });
    let mut hash = Context::new(&SHA256);
    let mut length = 0;
    let mut kept = Vec::new();
    let keep = session.options.optional("out").filter(|_| expected.is_none());
    while let Some(chunk) = receive.read_chunk(1 << 20, true).await? {
        hash.update(&chunk.bytes);
        length += chunk.bytes.len() as u64;
        if keep.is_some() {
            kept.extend_from_slice(&chunk.bytes);
        }
        progress(session, chunk.bytes.len() as u64)?;
    }
    match writing.await? {
        // A server may answer and forget the stream before it acknowledged our FIN.
        Ok(()) => {}
        Err(failure) if matches!(failure.downcast_ref(), Some(WriteError::Stopped(_))) => {}
        Err(failure) => return Err(failure),
    }
    if let Some(folder) = keep {
        let name = job.name().rsplit('/').next().unwrap_or("index");
        std::fs::write(std::path::Path::new(folder).join(name), kept)?;
    }
    let sha256 = hex(hash.finish().as_ref());
    if expected.map_or(false, |expected| expected != sha256) {
        return Err("the echo differs from what was sent".into());
    }
    Line::new("download")
        .number("connection", session.number)
        .number("stream", VarInt::from(receive.id()).into_inner())
        .text("path", job.name())
        .number("length", length)
        .text("sha256", &sha256)
        .boolean("zeroRtt", early)
        .print();
    Ok(())
}

/// Counts received bytes and does what was asked for on the way.
fn progress(session: &Session, bytes: u64) -> Result<(), Failure> {
    let received = session.received.fetch_add(bytes, Ordering::Relaxed) + bytes;
    let done = session.rebound.load(Ordering::Relaxed);
    if done < session.options.number("rebind", 0)? && received >= (done + 1) * REBIND_EVERY {
        session.rebound.store(done + 1, Ordering::Relaxed);
        let socket = UdpSocket::bind(local_address(session.connection.remote_address()))?;
        let port = socket.local_addr()?.port();
        session.endpoint.rebind(socket)?;
        Line::new("rebind").number("connection", session.number).number("port", port.into()).print();
    }
    if session.options.flag("key-update")
        && received >= KEY_UPDATE_AFTER
        && !session.key_updated.swap(true, Ordering::Relaxed)
    {
        session.connection.force_key_update();
        Line::new("key-update").number("connection", session.number).boolean("remote", false).print();
    }
    Ok(())
}

/// Sends datagrams one at a time, each when the echo of the one before came or half a second passed.
async fn datagrams(session: &Session) -> Result<(), Failure> {
    let count = session.options.number("datagrams", 0)?;
    if count == 0 {
        return Ok(());
    }
    let mut received = 0;
    for index in 0..count {
        let mut datagram = vec![index as u8; session.options.number("datagram-size", 1000)? as usize];
        datagram[..8].copy_from_slice(&index.to_be_bytes());
        session.connection.send_datagram(Bytes::from(datagram.clone()))?;
        let answer = tokio::time::timeout(Duration::from_millis(500), session.connection.read_datagram());
        match answer.await {
            Ok(Ok(echo)) if echo == datagram => received += 1,
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(reason)) => return Err(reason.into()),
        }
    }
    Line::new("datagrams")
        .number("connection", session.number)
        .number("sent", count)
        .number("received", received)
        .print();
    if received == 0 {
        return Err("no datagram came back".into());
    }
    Ok(())
}

/// The first thing stored is the server's group; tickets follow.
async fn wait_for_ticket(stored: &AtomicUsize) {
    for _ in 0..100 {
        if stored.load(Ordering::Relaxed) >= 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_early_rejection(failure: &Failure) -> bool {
    matches!(failure.downcast_ref(), Some(ReadError::ZeroRttRejected))
        || matches!(failure.downcast_ref(), Some(WriteError::ZeroRttRejected))
}

impl Job {
    fn name(&self) -> &str {
        match self {
            Job::Get(path) => path,
            Job::Echo(_) => "echo",
        }
    }

    fn payload(&self) -> Vec<u8> {
        match self {
            Job::Get(path) => format!("GET {path}\r\n").into_bytes(),
            Job::Echo(size) => (0..*size).map(|index| (index * 31 + index / 251) as u8).collect(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The normal verifier with a counter: a handshake that does not call it was resumed.
struct Verifier {
    inner: WebPkiVerifier,
    calls: Arc<AtomicUsize>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &rustls::Certificate,
        intermediates: &[rustls::Certificate],
        server_name: &rustls::ServerName,
        scts: &mut dyn Iterator<Item = &[u8]>,
        ocsp_response: &[u8],
        now: std::time::SystemTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.inner.verify_server_cert(end_entity, intermediates, server_name, scts, ocsp_response, now)
    }
}

/// The normal ticket memory with a counter.
struct Tickets {
    cache: Arc<ClientSessionMemoryCache>,
    stored: Arc<AtomicUsize>,
}

impl StoresClientSessions for Tickets {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.stored.fetch_add(1, Ordering::Relaxed);
        self.cache.put(key, value)
    }
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.cache.get(key)
    }
}
