//! What each `sslmode` accepts, against a server that speaks just enough of the protocol to tell.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use migrate::db::{Access, Database, DatabaseUrl, DbErrorKind, Env};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls");

/// What the server refuses everybody with, once the connection stands.
const REFUSAL: &[u8] = b"SFATAL\0VFATAL\0C28000\0Mnobody is let in\0\0";

#[derive(Clone, Copy)]
enum Server {
    Encrypts,
    Refuses,
}

/// Serves connections on a free port until the process ends.
fn serve(server: Server) -> u16 {
    let certificate = CertificateDer::from_pem_file(format!("{FOLDER}/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{FOLDER}/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up during the handshake is what half of the tests want.
            let _ = answer(stream, server, &config);
        }
    });
    port
}

fn answer(
    mut stream: TcpStream,
    server: Server,
    config: &Arc<ServerConfig>,
) -> std::io::Result<()> {
    let first = message(&mut stream)?;
    // Source: PostgreSQL manual 53.7 "Message Formats", SSLRequest.
    if first != 80_877_103_u32.to_be_bytes() {
        return refuse(&mut stream);
    }
    match server {
        Server::Refuses => {
            stream.write_all(b"N")?;
            message(&mut stream)?;
            refuse(&mut stream)
        }
        Server::Encrypts => {
            stream.write_all(b"S")?;
            let session =
                ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
            let mut stream = StreamOwned::new(session, stream);
            message(&mut stream)?;
            refuse(&mut stream)
        }
    }
}

/// A message without a type byte: its length, itself included, then its content.
fn message(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut content = vec![0; (u32::from_be_bytes(length) as usize).clamp(4, 10_000) - 4];
    stream.read_exact(&mut content)?;
    Ok(content)
}

fn refuse(stream: &mut impl Write) -> std::io::Result<()> {
    stream.write_all(b"E")?;
    stream.write_all(&(REFUSAL.len() as u32 + 4).to_be_bytes())?;
    stream.write_all(REFUSAL)?;
    stream.flush()
}

/// What a connection with these parameters comes to.
fn outcome(host: &str, port: u16, parameters: &str) -> (DbErrorKind, String) {
    let parameters = parameters.replace("FOLDER", FOLDER);
    let text = format!("postgres://ann:pw@{host}:{port}/shop?{parameters}");
    let url = DatabaseUrl::parse(&text, &Env::default()).unwrap();
    let error = Database::open(&url, Access::ReadOnly).err().unwrap();
    (error.kind, error.to_string())
}

#[test]
fn each_mode_accepts_what_libpq_accepts() {
    let port = serve(Server::Encrypts);
    for (host, parameters) in [
        ("localhost", "sslmode=disable"),
        ("localhost", "sslmode=prefer"),
        ("localhost", "sslmode=require"),
        ("127.0.0.1", "sslmode=require&sslrootcert=FOLDER/ca.pem"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=FOLDER/ca.pem"),
        ("localhost", "sslmode=verify-full&sslrootcert=FOLDER/ca.pem"),
    ] {
        let (kind, text) = outcome(host, port, parameters);
        assert_eq!(kind, DbErrorKind::Auth, "{parameters}: {text}");
        assert!(text.contains("nobody is let in"), "{parameters}: {text}");
    }
}

#[test]
fn each_mode_refuses_what_libpq_refuses() {
    let port = serve(Server::Encrypts);
    for (host, parameters, part) in [
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=FOLDER/ca.pem", "not valid for name"),
        ("localhost", "sslmode=verify-full&sslrootcert=FOLDER/other.pem", "UnknownIssuer"),
        ("localhost", "sslmode=verify-ca&sslrootcert=FOLDER/other.pem", "UnknownIssuer"),
        ("localhost", "sslmode=require&sslrootcert=FOLDER/other.pem", "UnknownIssuer"),
        ("localhost", "sslmode=verify-full&sslrootcert=FOLDER/absent.pem", "absent.pem"),
        ("localhost", "sslmode=verify-full&sslrootcert=FOLDER/README.md", "no certificates"),
    ] {
        let (kind, text) = outcome(host, port, parameters);
        assert_eq!(kind, DbErrorKind::Connect, "{parameters}: {text}");
        assert!(text.contains(part), "{parameters}: {text}");
        assert!(text.contains("sslrootcert"), "says what to check: {text}");
    }
}

#[test]
fn a_server_without_encryption_is_taken_unless_it_is_required() {
    let port = serve(Server::Refuses);
    assert!(outcome("localhost", port, "sslmode=prefer").1.contains("nobody is let in"));
    let (kind, text) = outcome("localhost", port, "sslmode=require");
    assert_eq!(kind, DbErrorKind::Connect);
    assert!(text.contains("TLS"), "{text}");
}
