//! A certificate authority for one test.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use jiff::civil::Date;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};

/// An authority and the directory that its files go into. All keys are ECDSA P-256.
#[derive(Debug)]
pub struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate (PEM).
    pub ca_file: PathBuf,
}

/// A certificate and its private key (PEM).
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
}

impl Authority {
    /// An authority called `name`, with its files in `directory`.
    pub fn new(directory: &Path, name: &str) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = named(name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_file = directory.join(format!("{name}.crt"));
        std::fs::write(&ca_file, params.self_signed(&key)?.pem())?;
        Ok(Self {
            directory: directory.to_owned(),
            issuer: Issuer::new(params, key),
            ca_file,
        })
    }

    /// A server's certificate for its address. etcd's gateway is a client of its own server with
    /// the same certificate, so it may be both.
    pub fn server(&self, ip: IpAddr) -> Result<Identity> {
        self.server_of(&[ip])
    }

    /// The same for servers that share one certificate.
    pub fn server_of(&self, addresses: &[IpAddr]) -> Result<Identity> {
        let mut params = named("server")?;
        let names = addresses.iter().copied().map(SanType::IpAddress);
        params.subject_alt_names = names.collect();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.sign("server", params)
    }

    /// A client's certificate. etcd takes its common name as the user.
    pub fn client(&self, user: &str) -> Result<Identity> {
        let mut params = named(user)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(user, params)
    }

    /// A client's certificate that is good until the beginning of a day.
    pub fn client_until(&self, user: &str, end: Date) -> Result<Identity> {
        let mut params = named(user)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let [month, day] = [end.month(), end.day()].map(i8::unsigned_abs);
        params.not_after = date_time_ymd(end.year().into(), month, day);
        self.sign(user, params)
    }

    fn sign(&self, name: &str, mut params: CertificateParams) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let identity = Identity {
            cert_file: self.directory.join(format!("{name}.crt")),
            key_file: self.directory.join(format!("{name}.key")),
        };
        std::fs::write(
            &identity.cert_file,
            params.signed_by(&key, &self.issuer)?.pem(),
        )?;
        std::fs::write(&identity.key_file, key.serialize_pem())?;
        Ok(identity)
    }
}

fn named(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
