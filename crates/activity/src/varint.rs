//! Unsigned and signed integers in as few bytes as their size needs: LEB128, signed ones in zigzag.

/// Appends `n`, seven bits a byte, least significant first.
pub(crate) fn put(n: u64, out: &mut Vec<u8>) {
    put_wide(n.into(), out);
}

/// Takes one integer off the front; `None` if the bytes end within it or it does not fit.
pub(crate) fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (n, rest) = take_wide(bytes)?;
    Some((u64::try_from(n).ok()?, rest))
}

/// Appends a signed integer: small magnitudes take few bytes.
pub(crate) fn put_signed(n: impl Into<i128>, out: &mut Vec<u8>) {
    let n = n.into();
    put_wide((n.cast_unsigned() << 1) ^ (n >> 127).cast_unsigned(), out);
}

/// Takes one signed integer off the front; `None` if the bytes end within it or it does not fit.
pub(crate) fn take_signed<T: TryFrom<i128>>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (n, rest) = take_wide(bytes)?;
    let n = (n >> 1).cast_signed() ^ -(n & 1).cast_signed();
    Some((n.try_into().ok()?, rest))
}

fn put_wide(mut n: u128, out: &mut Vec<u8>) {
    // Most integers are small, and calculated with in half as many bits.
    if let Ok(mut n) = u64::try_from(n) {
        while n > 0x7f {
            out.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        return out.push((n & 0x7f) as u8);
    }
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

fn take_wide(bytes: &[u8]) -> Option<(u128, &[u8])> {
    // Most integers are small.
    if let [byte @ 0..0x80, rest @ ..] = bytes {
        return Some(((*byte).into(), rest));
    }
    let mut n = 0u128;
    for (at, byte) in bytes.iter().enumerate().take(19) {
        let low = u128::from(byte & 0x7f);
        if at == 18 && low > 3 {
            return None;
        }
        n |= low << (7 * at);
        if byte & 0x80 == 0 {
            return Some((n, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_read_back(a: u64, b: i64, c: i128) {
            let mut out = Vec::new();
            put(a, &mut out);
            put_signed(b, &mut out);
            put_signed(c, &mut out);
            let (first, rest) = take(&out).unwrap();
            prop_assert_eq!(first, a);
            let (second, rest) = take_signed::<i64>(rest).unwrap();
            prop_assert_eq!(second, b);
            let (third, rest) = take_signed::<i128>(rest).unwrap();
            prop_assert_eq!(third, c);
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn integer_that_does_not_fit_is_refused() {
        let mut out = Vec::new();
        put_signed(i128::from(i64::MAX) + 1, &mut out);
        assert_eq!(take_signed::<i64>(&out), None);
        assert_eq!(take(&[0xff; 10]), None);
        assert_eq!(take_signed::<i128>(&[0xff; 19]), None);
        assert_eq!(take(&[0x80]), None);
    }
}
