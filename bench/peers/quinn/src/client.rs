//! Does the tasks that come on stdin.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use quinn::{ClientConfig, Connection, Endpoint};
use rustls::client::{
    ClientSessionMemoryCache, NoClientSessionStorage, ServerCertVerified, ServerCertVerifier, StoresClientSessions,
    WebPkiVerifier,
};

use crate::{certificates, cpu, lines, memory, transport, Failure, BLOCK, CIPHERS};

const SMALL: u64 = 100;
const DATAGRAM_WINDOW: u64 = 64;
const DATAGRAM_LENGTH: usize = 1000;
/// Silence after which what is under way counts as lost.
const DATAGRAM_STALL: Duration = Duration::from_millis(100);

struct Client {
    endpoint: Endpoint,
    remote: SocketAddr,
    full: ClientConfig,
    resumed: ClientConfig,
    kept: Vec<Connection>,
    verified: Arc<AtomicU64>,
}

pub async fn run(port: u16, ca: &str) -> Result<(), Failure> {
    let verified = Arc::new(AtomicU64::new(0));
    let mut client = Client {
        endpoint: Endpoint::client(([127, 0, 0, 1], 0).into())?,
        remote: ([127, 0, 0, 1], port).into(),
        full: config(ca, Arc::new(NoClientSessionStorage {}), &verified)?,
        resumed: config(ca, ClientSessionMemoryCache::new(16), &verified)?,
        kept: Vec::new(),
        verified,
    };
    println!("{{\"ready\":true}}");
    let mut lines = lines();
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            while let Some(line) = lines.recv().await {
                println!("{}", client.work(&line).await?);
            }
            Ok(())
        })
        .await
}

fn config(
    ca: &str,
    sessions: Arc<dyn StoresClientSessions>,
    verified: &Arc<AtomicU64>,
) -> Result<ClientConfig, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(&certificate)?;
    }
    let mut tls = rustls::ClientConfig::builder()
        .with_cipher_suites(CIPHERS)
        .with_safe_default_kx_groups()
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_custom_certificate_verifier(Arc::new(Verifier {
            inner: WebPkiVerifier::new(roots, None),
            calls: verified.clone(),
        }))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"bench".to_vec()];
    tls.session_storage = sessions;
    let mut config = ClientConfig::new(Arc::new(tls));
    config.transport_config(transport()?);
    Ok(config)
}

impl Client {
    async fn work(&mut self, line: &str) -> Result<String, Failure> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| -> Result<u64, Failure> { Ok(words.get(at).ok_or("a number is missing")?.parse()?) };
        match words[0] {
            "cpu" => Ok(cpu()),
            "memory" => memory(),
            "download" => {
                self.keep(1).await?;
                timed(exchange(&self.kept[0], 8, number(1)?)).await
            }
            "upload" => {
                self.keep(1).await?;
                timed(exchange(&self.kept[0], number(1)?, 1)).await
            }
            "handshakes" => self.handshakes(number(1)?, words.get(2) == Some(&"resumed")).await,
            "idle" => timed(self.keep(number(1)? as usize)).await,
            "requests" => self.requests(number(1)? as usize, number(2)?).await,
            "datagrams" => {
                self.keep(1).await?;
                timed(echo(&self.kept[0], number(1)?)).await
            }
            _ => Err(format!("no task {line}").into()),
        }
    }

    async fn open(&self, resumed: bool) -> Result<Connection, Failure> {
        let config = if resumed { &self.resumed } else { &self.full };
        Ok(self.endpoint.connect_with(config.clone(), self.remote, "localhost")?.await?)
    }

    async fn keep(&mut self, count: usize) -> Result<(), Failure> {
        while self.kept.len() < count {
            self.kept.push(self.open(false).await?);
        }
        Ok(())
    }

    async fn handshakes(&self, count: u64, resumed: bool) -> Result<String, Failure> {
        if resumed {
            // A round trip later the ticket is there; it is used more than once.
            let connection = self.open(true).await?;
            exchange(&connection, 8, 1).await?;
            connection.close(0u32.into(), b"");
        }
        let verified = self.verified.load(Ordering::Relaxed);
        timed(async {
            for _ in 0..count {
                self.open(resumed).await?.close(0u32.into(), b"");
            }
            if resumed && self.verified.load(Ordering::Relaxed) != verified {
                return Err("not resumed".into());
            }
            Ok(())
        })
        .await
    }

    async fn requests(&mut self, connections: usize, count: u64) -> Result<String, Failure> {
        self.keep(connections).await?;
        let left = Rc::new(RefCell::new(count));
        let times = Rc::new(RefCell::new(Vec::with_capacity(count as usize)));
        let start = Instant::now();
        let mut tasks = Vec::new();
        for connection in self.kept.iter().take(connections).cloned() {
            let (left, times) = (left.clone(), times.clone());
            tasks.push(tokio::task::spawn_local(async move {
                loop {
                    if *left.borrow() == 0 {
                        return Ok::<(), Failure>(());
                    }
                    *left.borrow_mut() -= 1;
                    let start = Instant::now();
                    exchange(&connection, SMALL, SMALL).await?;
                    times.borrow_mut().push(start.elapsed().as_secs_f64() * 1000.0);
                }
            }));
        }
        for task in tasks {
            task.await??;
        }
        let seconds = start.elapsed().as_secs_f64();
        let mut times = times.borrow_mut();
        times.sort_by(f64::total_cmp);
        let percentile = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        Ok(format!("{{\"seconds\":{seconds},\"p50\":{},\"p99\":{}}}", percentile(0.5), percentile(0.99)))
    }
}

/// One stream: `up` bytes there, `down` bytes back.
async fn exchange(connection: &Connection, up: u64, down: u64) -> Result<(), Failure> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&down.to_be_bytes()).await?;
    let block = Bytes::from(vec![0x5a; BLOCK.min(up as usize)]);
    let mut left = up - 8;
    while left > 0 {
        let length = left.min(block.len() as u64);
        send.write_chunk(block.slice(..length as usize)).await?;
        left -= length;
    }
    // Its own end would wait until all is acknowledged; the answer says as much.
    let finished = tokio::spawn(async move { send.finish().await });
    let mut received = 0;
    while let Some(chunk) = receive.read_chunk(BLOCK, true).await? {
        received += chunk.bytes.len() as u64;
    }
    finished.abort();
    if received == down {
        Ok(())
    } else {
        Err(format!("received {received} bytes instead of {down}").into())
    }
}

async fn echo(connection: &Connection, count: u64) -> Result<(), Failure> {
    let bytes = Bytes::from(vec![0; DATAGRAM_LENGTH]);
    let (mut under_way, mut echoed) = (0, 0);
    while echoed < count {
        while under_way < DATAGRAM_WINDOW && echoed + under_way < count {
            connection.send_datagram(bytes.clone())?;
            under_way += 1;
        }
        match tokio::time::timeout(DATAGRAM_STALL, connection.read_datagram()).await {
            Ok(datagram) => {
                datagram?;
                echoed += 1;
                under_way = under_way.saturating_sub(1);
            }
            Err(_) => under_way = 0,
        }
    }
    Ok(())
}

async fn timed(work: impl Future<Output = Result<(), Failure>>) -> Result<String, Failure> {
    let start = Instant::now();
    work.await?;
    Ok(format!("{{\"seconds\":{}}}", start.elapsed().as_secs_f64()))
}

/// The normal verifier, and how often it was asked.
struct Verifier {
    inner: WebPkiVerifier,
    calls: Arc<AtomicU64>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &rustls::Certificate,
        intermediates: &[rustls::Certificate],
        name: &rustls::ServerName,
        scts: &mut dyn Iterator<Item = &[u8]>,
        ocsp: &[u8],
        now: SystemTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.inner.verify_server_cert(leaf, intermediates, name, scts, ocsp, now)
    }
}
