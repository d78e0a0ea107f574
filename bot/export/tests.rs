//! Tests of the rules next door.

use super::*;

#[test]
fn no_more_is_written_than_slack_takes() {
    let mut out = Bounded::new(vec![], 10);
    assert!(out.write_all(b"12345").is_ok());
    assert!(out.write_all(b"67890").is_ok());
    let error = out.write_all(b"!").unwrap_err();
    assert_eq!(error.to_string(), Unwritten::TooLarge.to_string());
    assert!(matches!(out.failed, Some(Unwritten::TooLarge)));
    assert_eq!((out.out.as_slice(), out.bytes), (&b"1234567890"[..], 10));
}

#[test]
fn a_disk_that_is_full_is_told_apart() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut out = Bounded::new(Full, 10);
    assert!(out.write_all(b"12345").is_err());
    // What came first is what is told, whatever follows from it.
    assert!(out.write_all(b"12345678901").is_err());
    assert!(matches!(
        out.failed,
        Some(Unwritten::Disk(error)) if error.kind() == io::ErrorKind::StorageFull
    ));
}
