//! Unsigned and signed integers in as few bytes as their size needs: LEB128, signed ones in zigzag.

/// Appends `n`, seven bits a byte, least significant first.
pub(crate) fn put(mut n: u64, out: &mut Vec<u8>) {
    loop {
        let low = (n & 0x7f) as u8;
        n >>= 7;
        if n == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Takes one integer off the front; `None` if the bytes end within it or it does not fit.
pub(crate) fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut n = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let low = u64::from(byte & 0x7f);
        if at == 9 && low > 1 {
            return None;
        }
        n |= low << (7 * at);
        if byte & 0x80 == 0 {
            return Some((n, &bytes[at + 1..]));
        }
    }
    None
}

/// Appends a signed integer: small magnitudes take few bytes.
pub(crate) fn put_signed(n: i64, out: &mut Vec<u8>) {
    put((n.cast_unsigned() << 1) ^ (n >> 63).cast_unsigned(), out);
}

/// Takes one signed integer off the front.
pub(crate) fn take_signed(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (n, rest) = take(bytes)?;
    Some(((n >> 1).cast_signed() ^ -(n & 1).cast_signed(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_read_back(a: u64, b: i64) {
            let mut out = Vec::new();
            put(a, &mut out);
            put_signed(b, &mut out);
            let (first, rest) = take(&out).unwrap();
            prop_assert_eq!(first, a);
            let (second, rest) = take_signed(rest).unwrap();
            prop_assert_eq!(second, b);
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn integer_past_sixty_four_bits_is_refused() {
        assert_eq!(take(&[0xff; 10]), None);
        assert_eq!(take(&[0x80]), None);
    }
}
