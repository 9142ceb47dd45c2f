//! Reads QR codes from pictures.

use std::{path::Path, time::Duration};

use crate::PhoneError;

/// Age from which a picture is too old: the code in it has expired.
const FRESH: Duration = Duration::from_secs(5);
/// How long to wait for a new picture, which is polled for every [`LOOK`].
const WAIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Waits for a PNG that was written within the last seconds, and returns the text of its first QR
/// code. Calls `say` if there is no such file yet.
///
/// # Errors
/// When no new picture arrives within a minute, or no code can be read in it.
pub async fn wait_for_png(path: &Path, say: impl FnOnce()) -> Result<String, PhoneError> {
    let fresh = || age(path).is_ok_and(|age| age < FRESH);
    let until = tokio::time::Instant::now() + WAIT;
    if !fresh() {
        say();
        while !fresh() {
            if tokio::time::Instant::now() >= until {
                return Err(PhoneError::Usage(format!(
                    "{}: no new picture has come within a minute",
                    path.display()
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    // The file may still be being written, so reading is retried for a second.
    let mut read = read_png(path);
    for _ in 0..10 {
        if read.is_ok() {
            break;
        }
        tokio::time::sleep(LOOK).await;
        read = read_png(path);
    }
    read
}

/// Returns how long ago a file was written, by the clock of the file system, which may differ from
/// this process's clock.
fn age(path: &Path) -> std::io::Result<Duration> {
    let now = tempfile::tempfile()?.metadata()?.modified()?;
    Ok(now.duration_since(path.metadata()?.modified()?).unwrap_or_default())
}

/// Returns the text of the first QR code in a PNG.
///
/// # Errors
/// When the file is no picture, or no code can be read in it.
pub fn read_png(path: &Path) -> Result<String, PhoneError> {
    let name = path.display();
    let picture = image::open(path).map_err(|e| PhoneError::Usage(format!("{name}: {e}")))?.into_luma8();
    let (width, height) = picture.dimensions();
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(width as usize, height as usize, |x, y| {
            picture.get_pixel(u32::try_from(x).unwrap_or(0), u32::try_from(y).unwrap_or(0)).0[0]
        });
    let read = prepared.detect_grids().into_iter().find_map(|grid| grid.decode().ok());
    read.map(|(_, text)| text).ok_or_else(|| {
        PhoneError::Usage(format!("{name}: no QR code can be read in this picture; take another one"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_old_as_the_clock_that_dates_files_says() {
        let picture = tempfile::NamedTempFile::new().expect("a file");
        assert!(age(picture.path()).expect("there") < FRESH);
        let written = picture.as_file().metadata().and_then(|m| m.modified()).expect("a time");
        picture.as_file().set_modified(written - FRESH).expect("set");
        assert!(age(picture.path()).expect("there") >= FRESH);
        picture.as_file().set_modified(written + 10 * FRESH).expect("set");
        assert_eq!(age(picture.path()).expect("there"), Duration::ZERO, "of a clock that is ahead");
        assert!(age(Path::new("nowhere.png")).is_err());
    }

    #[test]
    fn a_drawn_code_is_read_and_an_empty_picture_says_so() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("qr.png");
        let text = format!("http://127.0.0.1:9999/app#q1.{}", "A".repeat(70));
        let code = qrcode::QrCode::with_error_correction_level(&text, qrcode::EcLevel::L).expect("fits");
        let size = u32::try_from(code.width()).expect("small");
        let dark = code.to_colors();
        let picture = image::GrayImage::from_fn((size + 8) * 6, (size + 8) * 6, |x, y| {
            let (x, y) = ((x / 6).wrapping_sub(4), (y / 6).wrapping_sub(4));
            let inside = x < size && y < size;
            image::Luma([if inside && dark[(y * size + x) as usize] == qrcode::Color::Dark {
                0
            } else {
                255
            }])
        });
        picture.save(&path).expect("written");
        assert_eq!(read_png(&path).expect("read"), text);
        image::GrayImage::from_pixel(300, 300, image::Luma([255])).save(&path).expect("written");
        assert!(read_png(&path).expect_err("nothing").to_string().contains("no QR code"));
    }
}
