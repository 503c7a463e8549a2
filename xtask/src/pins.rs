//! What is fetched natively: every library by version, wheel and SHA-256.
//!
//! The libraries come out of Python wheels because these are the only builds that their own projects publish for
//! every glibc Linux under a checksum. A shared library inside a wheel does not depend on the Python version.

use crate::fail::{Fail, Result};

/// A shared library to take out of a wheel.
#[derive(Debug)]
pub(crate) struct Member {
    /// Path inside the wheel.
    pub path: &'static str,
    /// File name in `.native/lib`.
    pub name: &'static str,
    /// Other names under which programs look for it, as symbolic links.
    pub links: &'static [&'static str],
    /// Of the library itself, lower-case hex.
    pub sha256: &'static str,
}

/// One build of a library.
#[derive(Debug)]
pub(crate) struct Build {
    /// Version of the library, which may differ from the wheel's.
    pub version: &'static str,
    /// As in `std::env::consts::ARCH`.
    pub arch: &'static str,
    /// Oldest glibc that loads it.
    pub glibc: (u32, u32),
    /// Name and version of the package on the Python package index.
    pub package: (&'static str, &'static str),
    /// Wheel tag of the platform.
    pub platform: &'static str,
    /// Of the wheel, lower-case hex.
    pub sha256: &'static str,
    /// Size of the wheel, for people.
    pub size_mb: f64,
    pub members: &'static [Member],
}

/// A library that the daemon opens at run time.
#[derive(Debug)]
pub(crate) struct Library {
    pub name: &'static str,
    /// Why it is fetched, in words for the person who waits.
    pub why: &'static str,
    /// Environment variable that names a system copy.
    pub variable: &'static str,
    /// The file in `.native/lib` that the daemon opens.
    pub file: &'static str,
    /// In order of preference: the first that this machine can load is taken.
    pub builds: &'static [Build],
}

impl Library {
    /// # Errors
    /// No build for this machine; says how to supply one.
    pub(crate) fn build_for(&self, arch: &str, glibc: (u32, u32)) -> Result<&'static Build> {
        let of_arch = || self.builds.iter().filter(|b| b.arch == arch);
        if let Some(build) = of_arch().find(|b| b.glibc <= glibc) {
            return Ok(build);
        }
        let Self { name, variable, .. } = self;
        let why = match of_arch().map(|b| b.glibc).min() {
            Some((major, minor)) => {
                format!("needs glibc {major}.{minor} or newer; this machine has {}.{}", glibc.0, glibc.1)
            }
            None => format!("is not published for {arch}"),
        };
        Err(Fail::unavailable(format!(
            "{name} {why}. Build or install it yourself and set {variable}=/path/to/{}",
            self.file
        )))
    }
}

const ONNXRUNTIME_LINKS: &[&str] = &["libonnxruntime.so.1", "libonnxruntime.so"];
const LIBLSL_LINKS: &[&str] = &["liblsl.so"];

pub(crate) const LIBLSL: Library = Library {
    name: "liblsl",
    why: "the network protocol of lab streaming layer, through which EEG arrives",
    variable: "BCID_LIBLSL",
    file: "liblsl.so.2",
    builds: &[
        Build {
            version: "1.18.0",
            arch: "x86_64",
            glibc: (2, 35),
            package: ("pylsl", "1.18.6"),
            platform: "manylinux_2_35_x86_64",
            sha256: "d184abba5318c85a456ff1ca88a1960e194ab7c7ac2f31b6d0a06726e36b91e1",
            size_mb: 1.3,
            members: &[Member {
                path: "pylsl/lib/liblsl.so.2",
                name: "liblsl.so.2",
                links: LIBLSL_LINKS,
                sha256: "fa5e70f2fcac32e5ef4e1a04bff65bfc1ff952b6a2c5e6df878a611fdc3ecb68",
            }],
        },
        Build {
            version: "1.17.7",
            arch: "x86_64",
            glibc: (2, 28),
            package: ("mne-lsl", "1.14.0"),
            platform: "manylinux_2_28_x86_64",
            sha256: "7934311a76ed8f379d0c7ce163e8050e4aebb47efe59ae95d006a4a7b4af52b0",
            size_mb: 0.5,
            members: &[Member {
                path: "mne_lsl/lsl/lib/liblsl.so.1.17.7",
                name: "liblsl.so.2",
                links: LIBLSL_LINKS,
                sha256: "96aa7eab091b3a8ef8282d919fcd162c0acbaf135ed0f275f214c145fb62b6f9",
            }],
        },
        Build {
            version: "1.17.7",
            arch: "aarch64",
            glibc: (2, 28),
            package: ("mne-lsl", "1.14.0"),
            platform: "manylinux_2_28_aarch64",
            sha256: "493fda6bb2131e2cc916f1a67af875959110514dff4f8a5f635acba9a5fa8c5d",
            size_mb: 0.5,
            members: &[Member {
                path: "mne_lsl/lsl/lib/liblsl.so.1.17.7",
                name: "liblsl.so.2",
                links: LIBLSL_LINKS,
                sha256: "b9890ba8d97b70c07f5abb754ac5284a1204dd2211989d6ad8b16c9760c3be84",
            }],
        },
    ],
};

pub(crate) const ONNXRUNTIME: Library = Library {
    name: "ONNX Runtime",
    why: "runs the decoders, on the CPU",
    variable: "BCID_ONNXRUNTIME",
    file: "libonnxruntime.so.1.32.0",
    builds: &[
        Build {
            version: "1.32.0",
            arch: "x86_64",
            glibc: (2, 28),
            package: ("onnxruntime", "1.32.0"),
            platform: "manylinux_2_28_x86_64",
            sha256: "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
            size_mb: 27.8,
            members: &[
                Member {
                    path: "onnxruntime/capi/libonnxruntime.so.1.32.0",
                    name: "libonnxruntime.so.1.32.0",
                    links: ONNXRUNTIME_LINKS,
                    sha256: "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
                },
                Member {
                    path: "onnxruntime/capi/libonnxruntime_providers_shared.so",
                    name: "libonnxruntime_providers_shared.so",
                    links: &[],
                    sha256: "8ef51f6bf2c621fc129f625b22241fa6f9a5870bc08eaf2fdd279169ec40d09a",
                },
            ],
        },
        Build {
            version: "1.32.0",
            arch: "aarch64",
            glibc: (2, 28),
            package: ("onnxruntime", "1.32.0"),
            platform: "manylinux_2_28_aarch64",
            sha256: "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c",
            size_mb: 23.2,
            members: &[
                Member {
                    path: "onnxruntime/capi/libonnxruntime.so.1.32.0",
                    name: "libonnxruntime.so.1.32.0",
                    links: ONNXRUNTIME_LINKS,
                    sha256: "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
                },
                Member {
                    path: "onnxruntime/capi/libonnxruntime_providers_shared.so",
                    name: "libonnxruntime_providers_shared.so",
                    links: &[],
                    sha256: "f91fa2b0a2b8dba9cbc319254d342fa8201fd94b5912b9ce717f82e2207ee3d5",
                },
            ],
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_library_that_the_machine_can_load_is_taken() {
        let version = |arch, glibc| LIBLSL.build_for(arch, glibc).map(|b| b.version).ok();
        assert_eq!(version("x86_64", (2, 36)), Some("1.18.0"));
        assert_eq!(version("x86_64", (2, 31)), Some("1.17.7"));
        assert_eq!(version("aarch64", (2, 41)), Some("1.17.7"));
        assert_eq!(version("x86_64", (2, 17)), None);
    }

    #[test]
    fn a_machine_without_a_build_is_told_the_variable() {
        for (arch, glibc) in [("riscv64", (2, 41)), ("x86_64", (2, 17))] {
            let told = ONNXRUNTIME.build_for(arch, glibc).map(|b| b.version).map_err(|f| f.to_string());
            assert!(told.is_err_and(|message| message.contains("BCID_ONNXRUNTIME=")), "{arch}");
        }
    }

    /// A wrong digit would only show on the machine of another architecture.
    #[test]
    fn checksums_look_like_sha256() {
        for build in LIBLSL.builds.iter().chain(ONNXRUNTIME.builds) {
            for sum in build.members.iter().map(|m| m.sha256).chain([build.sha256]) {
                assert!(
                    sum.len() == 64 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
                    "{sum}"
                );
            }
        }
    }

    /// The Python tests and the daemon speak of the same versions.
    #[test]
    fn the_python_lock_agrees() {
        let lock = include_str!("../../tests/requirements.txt");
        for build in LIBLSL.builds.iter().chain(ONNXRUNTIME.builds) {
            let (name, version) = build.package;
            assert!(lock.contains(&format!("\n{name}=={version} ")), "{name}");
            assert!(lock.contains(build.sha256), "{name} {}", build.arch);
        }
    }
}
