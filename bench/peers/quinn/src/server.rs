//! Sends back as many bytes as a stream asks for, and every datagram as it is.

use std::sync::Arc;

use bytes::Bytes;
use quinn::{Connecting, Connection, Endpoint, RecvStream, SendStream, ServerConfig};

use crate::{certificates, cpu, lines, memory, transport, Failure, BLOCK, CIPHERS};

pub async fn run(cert: &str, key: &str) -> Result<(), Failure> {
    let mut tls = rustls::ServerConfig::builder()
        .with_cipher_suites(CIPHERS)
        .with_safe_default_kx_groups()
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(certificates(cert)?, private_key(key)?)?;
    tls.alpn_protocols = vec![b"bench".to_vec()];
    tls.ticketer = rustls::Ticketer::new()?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(transport()?);
    let endpoint = Endpoint::server(config, ([127, 0, 0, 1], 0).into())?;
    println!("{{\"port\":{}}}", endpoint.local_addr()?.port());
    tokio::spawn(async move {
        while let Some(connecting) = endpoint.accept().await {
            tokio::spawn(serve(connecting));
        }
    });
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        println!("{}", if line == "cpu" { cpu() } else { memory()? });
    }
    Ok(())
}

async fn serve(connecting: Connecting) -> Result<(), Failure> {
    let connection = connecting.await?;
    tokio::spawn(echo_datagrams(connection.clone()));
    while let Ok((send, receive)) = connection.accept_bi().await {
        tokio::spawn(answer(send, receive));
    }
    Ok(())
}

async fn answer(mut send: SendStream, mut receive: RecvStream) -> Result<(), Failure> {
    let mut head = [0; 8];
    receive.read_exact(&mut head).await?;
    while receive.read_chunk(BLOCK, true).await?.is_some() {}
    let mut left = u64::from_be_bytes(head);
    let block = Bytes::from(vec![0x5a; BLOCK]);
    while left > 0 {
        let length = left.min(BLOCK as u64);
        send.write_chunk(block.slice(..length as usize)).await?;
        left -= length;
    }
    send.finish().await?;
    Ok(())
}

async fn echo_datagrams(connection: Connection) {
    while let Ok(datagram) = connection.read_datagram().await {
        let _ = connection.send_datagram(datagram);
    }
}

fn private_key(path: &str) -> Result<rustls::PrivateKey, Failure> {
    let mut pem = std::io::BufReader::new(std::fs::File::open(path)?);
    while let Some(item) = rustls_pemfile::read_one(&mut pem)? {
        if let rustls_pemfile::Item::PKCS8Key(der) | rustls_pemfile::Item::ECKey(der) = item {
            return Ok(rustls::PrivateKey(der));
        }
    }
    Err(format!("{path}: no private key").into())
}
