//! The files of SFS beside its database: the seed of OPAQUE, and how many evaluations the database
//! has had. Neither may be restored together with the database: the seed is not to lie in its
//! backups, and the numbers are what an older state of the database is recognised by.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_domain_sfs::ports::{COUNTERS, Evaluations};
use countersign_pin::server::{SEED, Seed};
use countersign_ports::random::Random;
use zeroize::Zeroizing;

use crate::{
    data_dir::{DataDir, DataError, io_error, write_new},
    secret_files,
};

/// File name of the seed.
const SEED_FILE: &str = "oprf.seed";
/// File name of the numbers of evaluations.
const EVALUATIONS_FILE: &str = "evaluations";

/// Reads the seed from the given file, or from `oprf.seed`, which is made on first start. None is
/// made if `in_use` names a database with PINs that were registered under the missing one.
pub(crate) fn seed(
    data: &DataDir,
    given: Option<&Path>,
    random: &dyn Random,
    in_use: Option<&str>,
) -> Result<Seed, DataError> {
    let path = given.map_or_else(|| data.file(SEED_FILE), Path::to_owned);
    if given.is_none() && !path.exists() {
        if let Some(database) = in_use {
            return Err(DataError::NoSeed(path.display().to_string(), database.to_owned()));
        }
        let fresh = Seed::generate(&|out| random.fill(out));
        write_new(&path, &secret_files::line(&STANDARD, &fresh[..]))?;
    }
    let text = secret_files::read(&path).map_err(io_error(&path))?;
    let damaged = || DataError::Damaged(path.display().to_string(), "a seed: 96 bytes in base64");
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| damaged())?);
    let bytes: &[u8; SEED] = bytes.as_slice().try_into().map_err(|_| damaged())?;
    Seed::read(bytes).map_err(|_| damaged())
}

/// The file with the highest numbers of evaluations that this pod has seen.
#[derive(Clone, Debug)]
pub(crate) struct EvaluationFile(PathBuf);

impl EvaluationFile {
    pub(crate) fn of(data: &Path) -> Self {
        Self(data.join(EVALUATIONS_FILE))
    }

    /// The numbers; `None` when there is no file.
    pub(crate) fn read(&self) -> Result<Option<Evaluations>, DataError> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error(&self.0)(e)),
        };
        let damaged = || DataError::Damaged(self.0.display().to_string(), "16 numbers");
        let numbers: Vec<u64> =
            text.lines().map(|line| line.trim().parse().map_err(|_| damaged())).collect::<Result<_, _>>()?;
        <Evaluations>::try_from(numbers).map(Some).map_err(|_| damaged())
    }

    /// Replaces the numbers. The file is complete, and on disk, before it has its name.
    pub(crate) fn write(&self, numbers: &Evaluations) -> io::Result<()> {
        let text: String = numbers.iter().map(|n| format!("{n}\n")).collect();
        let draft = self.0.with_extension("new");
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.0)?;
        secret_files::sync(self.0.parent().unwrap_or(Path::new(".")))
    }
}

/// Whether the database has seen fewer evaluations than it had.
pub(crate) fn is_older(database: &Evaluations, highest: &Evaluations) -> bool {
    database.iter().zip(highest).any(|(now, before)| now < before)
}

/// Added to the numbers after a restore, so that the database is ahead of what any other pod has
/// seen. No pod evaluates so often.
pub(crate) const LEAP: u64 = 1_000_000_000_000;

/// The numbers that the database gets after a restore.
pub(crate) fn leap(database: Evaluations, highest: Option<Evaluations>) -> Evaluations {
    let highest = highest.unwrap_or([0; COUNTERS]);
    std::array::from_fn(|n| database[n].max(highest[n]).saturating_add(LEAP))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_their_file_and_a_damaged_file_is_said_to_be_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = EvaluationFile::of(dir.path());
        assert_eq!(file.read().unwrap(), None);
        let mut numbers = [3; COUNTERS];
        file.write(&numbers).unwrap();
        numbers[15] = 4;
        file.write(&numbers).unwrap();
        assert_eq!(file.read().unwrap(), Some(numbers));
        fs::write(dir.path().join(EVALUATIONS_FILE), "1\n2\n").unwrap();
        assert!(file.read().unwrap_err().to_string().contains("16 numbers"));
    }

    #[test]
    fn a_database_is_older_when_one_number_is_and_ahead_of_every_pod_after_the_leap() {
        let (before, mut now) = ([5; COUNTERS], [6; COUNTERS]);
        assert!(!is_older(&now, &before) && !is_older(&before, &before));
        now[7] = 4;
        assert!(is_older(&now, &before));
        assert!(!is_older(&leap(now, None), &[LEAP; COUNTERS]));
        assert_eq!(leap(now, Some(before))[7], LEAP + 5);
    }
}
