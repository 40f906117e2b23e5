// SPDX-License-Identifier: GPL-2.0-only

//! Waiting for what always comes, however slow the machine is.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Result};

/// The longest time to wait. It ends a test that would hang, and says nothing about how long
/// anything should take.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The time between two looks.
const BETWEEN: Duration = Duration::from_millis(10);

/// Waits until `is_done` returns true.
///
/// # Errors
/// Those of `is_done`. If that never returns true, the error is `what`.
pub fn wait(what: &str, mut is_done: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_done()? {
        ensure!(Instant::now() < deadline, "{what} after {PATIENCE:?}");
        thread::sleep(BETWEEN);
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn waiting_ends_as_soon_as_it_is_done() {
        let mut looks = 0;
        let third = || {
            looks += 1;
            Ok(looks == 3)
        };
        wait("never", third).unwrap();
        assert_eq!(looks, 3);
    }

    #[test]
    fn waiting_ends_with_an_error_of_the_look() {
        let error = wait("never", || anyhow::bail!("cannot look")).unwrap_err();
        assert_eq!(error.to_string(), "cannot look");
    }
}
