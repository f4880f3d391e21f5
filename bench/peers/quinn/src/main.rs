//! quinn as one end of the bench: `quinn-peer server CERT KEY` or `quinn-peer client PORT CA`.
//! Tasks and answers are those of ../../end.ts. One thread, as one core for each side is what is compared.

mod client;
mod server;

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;

use quinn::{TransportConfig, VarInt};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
pub const BLOCK: usize = 256 * 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(async {
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["server", cert, key] => server::run(cert, key).await,
            ["client", port, ca] => client::run(port.parse()?, ca).await,
            _ => Err("usage: quinn-peer server CERT KEY | client PORT CA".into()),
        }
    });
    if let Err(failure) = outcome {
        println!("{{\"error\":\"{}\"}}", failure.to_string().replace(['"', '\\', '\n'], " "));
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// Lines of stdin, read on a thread because tokio's stdin would keep the process waiting.
pub fn lines() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// 24 MiB for a connection, 16 MiB for a stream, 1452 bytes of payload, as with all peers.
pub fn transport() -> Result<Arc<TransportConfig>, Failure> {
    let mut transport = TransportConfig::default();
    transport.receive_window(VarInt::from_u32(24 << 20));
    transport.stream_receive_window(VarInt::from_u32(16 << 20));
    transport.send_window(24 << 20);
    transport.initial_max_udp_payload_size(1452);
    transport.max_concurrent_bidi_streams(VarInt::from_u32(100));
    transport.max_idle_timeout(Some(Duration::from_secs(120).try_into()?));
    transport.datagram_receive_buffer_size(Some(1 << 20));
    Ok(Arc::new(transport))
}

/// TLS_AES_128_GCM_SHA256 and nothing else.
pub const CIPHERS: &[rustls::SupportedCipherSuite] = &[rustls::cipher_suite::TLS13_AES_128_GCM_SHA256];

pub fn certificates(path: &str) -> Result<Vec<rustls::Certificate>, Failure> {
    let mut pem = BufReader::new(std::fs::File::open(path)?);
    Ok(rustls_pemfile::certs(&mut pem)?.into_iter().map(rustls::Certificate).collect())
}

/// CPU seconds of all threads so far.
pub fn cpu() -> String {
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    format!("{{\"cpu\":{}}}", seconds(usage.ru_utime) + seconds(usage.ru_stime))
}

/// Resident bytes after giving free memory back.
pub fn memory() -> Result<String, Failure> {
    unsafe { libc::malloc_trim(0) };
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("no resident size")?.parse()?;
    Ok(format!("{{\"rss\":{}}}", pages * 4096))
}
