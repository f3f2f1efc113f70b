//! A disk that can lose its power.
//!
//! A file system on a loop device, in memory. When its power is cut, the kernel forgets all that was
//! written and not synced, as a machine does; the journal is replayed when it is mounted again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::real::isolation;
use crate::real::member::done;

/// The file has holes: only what is written takes memory. etcd takes 123 MB at once.
const SIZE: u64 = 320 << 20;

/// Tells the file system that its disk is gone, without a last flush: `FS_IOC_SHUTDOWN` with
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`. Nothing else that Debian always has makes such a call.
const CUT: &str = r#"
open(my $mount, "<", $ARGV[0]) or die "$ARGV[0]: $!\n";
my $how = pack("L", 2);
ioctl($mount, 0x8004587d, $how) or die "shutdown: $!\n";
"#;

/// A mounted disk.
#[derive(Debug)]
pub(super) struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Why there can be no such disk here; `None` where nothing is in the way.
    pub(super) fn obstacle() -> Option<String> {
        let missing = ["mkfs.ext4", "perl"]
            .into_iter()
            .find(|one| !isolation::is_installed(one));
        if let Some(program) = missing {
            return Some(format!("{program} is not installed"));
        }
        let attempt = || {
            let home = isolation::directory("power")?;
            let mount = isolation::directory("power/mount")?;
            Self::make(home.join("image"), mount)?.destroy()
        };
        attempt()
            .err()
            .map(|error| format!("no such disk: {error:#}"))
    }

    /// Makes the file, and mounts it on an empty directory.
    pub(super) fn make(image: PathBuf, mount: PathBuf) -> Result<Self> {
        fs::File::create(&image)?.set_len(SIZE)?;
        done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let disk = Self { image, mount };
        disk.mount()?;
        Ok(disk)
    }

    /// Makes sure that everything is on it for good.
    pub(super) fn sync(&self) -> Result<()> {
        done(Command::new("sync").arg("-f").arg(&self.mount)).map(|_| ())
    }

    /// What was not synced is gone from now on, and nothing can be written any more.
    pub(super) fn cut_power(&self) -> Result<()> {
        done(Command::new("perl").args(["-e", CUT]).arg(&self.mount)).map(|_| ())
    }

    /// Mounts it as it is found after its power was cut. Nobody uses it.
    pub(super) fn remount(&self) -> Result<()> {
        self.unmount()?;
        self.mount()
    }

    /// Ends it with all that is on it. Nobody uses it.
    pub(super) fn destroy(self) -> Result<()> {
        self.unmount()?;
        fs::remove_file(&self.image)?;
        Ok(())
    }

    /// Where it is mounted.
    pub(super) fn path(&self) -> &Path {
        &self.mount
    }

    fn mount(&self) -> Result<()> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "ext4", "-o", "loop"]);
        done(mount.args([&self.image, &self.mount])).map(|_| ())
    }

    fn unmount(&self) -> Result<()> {
        done(Command::new("umount").arg(&self.mount)).map(|_| ())
    }
}
