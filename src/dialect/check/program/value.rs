//! Values of rows, read from the binary form in which the server sends them, and compared as the server does.
//!
//! Source: the `*_send` functions of PostgreSQL (`src/backend/utils/adt`), manual section 55.7 for COPY's binary format.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::kind::{Family, Kind};

/// What cannot be said here as the server would say it: a number too large, an overflow, a division by zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt;

/// One value. Dates are days and times microseconds since 2000-01-01, as the server counts them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Whole(i64),
    Number(Number),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
}

/// An exact number: `units` divided by ten to the power of `scale`, or one beyond all numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    rank: Rank,
    units: i128,
    scale: u32,
}

/// Where a number stands among all: `NaN` is greater than infinity, and equal to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    MinusInfinity,
    Finite,
    Infinity,
    NotANumber,
}

/// How many decimal digits are handled exactly.
const DIGITS_MAX: u32 = 36;

impl Number {
    pub(super) fn whole(number: i64) -> Self {
        Number { rank: Rank::Finite, units: i128::from(number), scale: 0 }
    }

    /// Reads plain digits with at most one point.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && digits.bytes().any(|byte| byte.is_ascii_digit());
        let read = crate::expr::eval::Decimal::parse(text)?;
        (is_plain && digits.len() <= DIGITS_MAX as usize).then_some(Number {
            rank: Rank::Finite,
            units: read.units,
            scale: read.scale,
        })
    }

    fn read(bytes: &[u8]) -> Result<Self, Doubt> {
        let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        let mut next = || words.next().ok_or(Doubt);
        let (count, weight, sign, _scale) = (next()?, next()?, next()?, next()?);
        let rank = match sign {
            0x0000 | 0x4000 => Rank::Finite,
            0xC000 => Rank::NotANumber,
            0xD000 => Rank::Infinity,
            0xF000 => Rank::MinusInfinity,
            _ => return Err(Doubt),
        };
        if count > 9 {
            return Err(Doubt);
        }
        let mut units = 0_i128;
        for _ in 0..count {
            units = units * 10_000 + i128::from(next()?);
        }
        // Digits count by ten thousands; the weight is that of the first.
        let exponent = (i32::from(weight as i16) + 1 - i32::from(count)) * 4;
        let (units, scale) = match u32::try_from(exponent) {
            Ok(zeros) if zeros <= DIGITS_MAX => (raised(units, zeros)?, 0),
            Ok(_) if units == 0 => (0, 0),
            Ok(_) => return Err(Doubt),
            Err(_) => (units, exponent.unsigned_abs()),
        };
        let units = if sign == 0x4000 { -units } else { units };
        Ok(Number { rank, units, scale })
    }

    fn aligned(self, other: Self) -> Result<(i128, i128, u32), Doubt> {
        let scale = self.scale.max(other.scale);
        let raise = |number: Number| raised(number.units, scale - number.scale);
        Ok((raise(self)?, raise(other)?, scale))
    }

    fn compare(self, other: Self) -> Result<Ordering, Doubt> {
        match (self.rank, other.rank) {
            (Rank::Finite, Rank::Finite) if self.scale == other.scale => {
                Ok(self.units.cmp(&other.units))
            }
            (Rank::Finite, Rank::Finite) => {
                self.aligned(other).map(|(left, right, _)| left.cmp(&right))
            }
            (left, right) => Ok(left.cmp(&right)),
        }
    }

    /// Both as one kind of numbers, where both are finite.
    pub(super) fn combine(
        self,
        other: Self,
        how: impl Fn(i128, i128) -> Option<i128>,
    ) -> Result<Self, Doubt> {
        self.finite()?;
        other.finite()?;
        let (left, right, scale) = self.aligned(other)?;
        let units = how(left, right).ok_or(Doubt)?;
        Ok(Number { rank: Rank::Finite, units, scale })
    }

    pub(super) fn times(self, other: Self) -> Result<Self, Doubt> {
        self.finite()?;
        other.finite()?;
        let units = self.units.checked_mul(other.units).ok_or(Doubt)?;
        Ok(Number { rank: Rank::Finite, units, scale: self.scale + other.scale })
    }

    pub(super) fn negated(self) -> Result<Self, Doubt> {
        self.finite()?;
        Ok(Number { units: -self.units, ..self })
    }

    pub(super) fn absolute(self) -> Result<Self, Doubt> {
        self.finite()?;
        Ok(Number { units: self.units.abs(), ..self })
    }

    fn finite(self) -> Result<(), Doubt> {
        if self.rank == Rank::Finite { Ok(()) } else { Err(Doubt) }
    }

    /// The nearest floating-point number.
    pub(super) fn float(self) -> Result<f64, Doubt> {
        self.finite()?;
        format!("{}e-{}", self.units, self.scale).parse().map_err(|_| Doubt)
    }

    /// The number without zeros at its end: one form for equal numbers.
    fn shortest(self) -> Self {
        let (mut units, mut scale) = (self.units, self.scale);
        while scale > 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        Number { units, scale, ..self }
    }
}

fn raised(units: i128, zeros: u32) -> Result<i128, Doubt> {
    if zeros == 0 {
        return Ok(units);
    }
    10_i128.checked_pow(zeros).and_then(|factor| units.checked_mul(factor)).ok_or(Doubt)
}

impl<'a> Value<'a> {
    /// Reads a value of a kind as the server sends it.
    pub(super) fn read(kind: &Kind, bytes: &'a [u8]) -> Result<Self, Doubt> {
        Ok(match kind {
            Kind::Bool => Value::Bool(fixed::<1>(bytes)? != [0]),
            Kind::Int2 => Value::Whole(i64::from(i16::from_be_bytes(fixed(bytes)?))),
            Kind::Int4 | Kind::Date => Value::Whole(i64::from(i32::from_be_bytes(fixed(bytes)?))),
            Kind::Int8 | Kind::Time | Kind::Timestamp | Kind::Timestamptz => {
                Value::Whole(i64::from_be_bytes(fixed(bytes)?))
            }
            Kind::Float4 => Value::Float(f64::from(f32::from_be_bytes(fixed(bytes)?))),
            Kind::Float8 => Value::Float(f64::from_be_bytes(fixed(bytes)?)),
            Kind::Numeric => Value::Number(Number::read(bytes)?),
            Kind::Text(_) | Kind::Enum(_) => {
                Value::Text(Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| Doubt)?))
            }
            Kind::Uuid | Kind::Bytes => Value::Bytes(bytes),
        })
    }

    pub(super) fn text(&self) -> Result<&str, Doubt> {
        match self {
            Value::Text(text) => Ok(text),
            _ => Err(Doubt),
        }
    }

    /// How two known values of one kind are ordered.
    pub(super) fn compare(&self, other: &Value<'_>) -> Result<Ordering, Doubt> {
        match (self, other) {
            (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
            (Value::Whole(left), Value::Whole(right)) => Ok(left.cmp(right)),
            (Value::Number(left), Value::Number(right)) => left.compare(*right),
            (Value::Float(left), Value::Float(right)) => Ok(compare_floats(*left, *right)),
            (Value::Text(left), Value::Text(right)) => Ok(left.as_bytes().cmp(right.as_bytes())),
            (Value::Bytes(left), Value::Bytes(right)) => Ok(left.cmp(right)),
            _ => Err(Doubt),
        }
    }

    /// Adds bytes that are the same for values that are equal, and for no others. NULL is equal to NULL.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Value::Null => bytes.push(0),
            Value::Bool(truth) => bytes.extend([1, u8::from(*truth)]),
            Value::Whole(number) => {
                bytes.push(2);
                bytes.extend(number.to_be_bytes());
            }
            Value::Number(number) => {
                let number = number.shortest();
                bytes.extend([3, number.rank as u8]);
                bytes.extend(number.units.to_be_bytes());
                bytes.extend(number.scale.to_be_bytes());
            }
            Value::Float(number) => {
                let number = if *number == 0.0 { 0.0 } else { *number };
                let number = if number.is_nan() { f64::NAN } else { number };
                bytes.push(4);
                bytes.extend(number.to_bits().to_be_bytes());
            }
            Value::Text(text) => sized(5, text.as_bytes(), bytes),
            Value::Bytes(own) => sized(6, own, bytes),
        }
    }
}

fn sized(mark: u8, own: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(mark);
    bytes.extend((own.len() as u64).to_be_bytes());
    bytes.extend(own);
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Doubt> {
    bytes.try_into().map_err(|_| Doubt)
}

/// `NaN` is equal to itself and greater than all others. Source: manual section 8.1.3.
fn compare_floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// Whether values of two kinds can be equal as their encodings are.
pub fn same_encoding(left: &Kind, right: &Kind) -> bool {
    match (left, right) {
        (Kind::Enum(left), Kind::Enum(right)) => left == right,
        (left, right) => left.family() == right.family() && left.family() != Family::Float,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn number(words: &[u16]) -> Number {
        Number::read(&wire(words)).expect("a number")
    }

    #[test]
    fn numbers_are_read_as_the_server_sends_them() {
        // 12345.67: digits 1, 2345, 6700 with weight 1 and two decimals.
        let read = number(&[3, 1, 0, 2, 1, 2345, 6700]);
        assert_eq!(read.compare(Number::parse("12345.67").unwrap()), Ok(Ordering::Equal));
        // -0.0001: one digit of weight -1.
        let small = number(&[1, 0xFFFF, 0x4000, 4, 1]);
        assert_eq!(small.compare(Number::parse("-0.0001").unwrap()), Ok(Ordering::Equal));
        // 20000: the zeros at the end are not sent.
        let round = number(&[1, 1, 0, 0, 2]);
        assert_eq!(round.compare(Number::whole(20_000)), Ok(Ordering::Equal));
        assert_eq!(number(&[0, 0, 0, 2]).compare(Number::whole(0)), Ok(Ordering::Equal));
        assert_eq!(Number::read(&wire(&[12, 11, 0, 0])), Err(Doubt));
    }

    #[test]
    fn what_is_beyond_all_numbers_has_its_place() {
        let (nan, infinity) = (number(&[0, 0, 0xC000, 0]), number(&[0, 0, 0xD000, 0]));
        assert_eq!(nan.compare(infinity), Ok(Ordering::Greater));
        assert_eq!(nan.compare(nan), Ok(Ordering::Equal));
        assert_eq!(number(&[0, 0, 0xF000, 0]).compare(Number::whole(-9)), Ok(Ordering::Less));
        assert_eq!(nan.times(infinity), Err(Doubt));
        assert_eq!(compare_floats(f64::NAN, f64::INFINITY), Ordering::Greater);
    }

    #[test]
    fn equal_values_have_equal_encodings() {
        let encoded = |value: Value<'_>| {
            let mut bytes = Vec::new();
            value.encode(&mut bytes);
            bytes
        };
        let number = |text: &str| Value::Number(Number::parse(text).unwrap());
        assert_eq!(encoded(number("1.50")), encoded(number("1.5")));
        assert_ne!(encoded(number("1.50")), encoded(number("15")));
        assert_eq!(encoded(Value::Float(0.0)), encoded(Value::Float(-0.0)));
        assert_eq!(encoded(Value::Float(f64::NAN)), encoded(Value::Float(-f64::NAN)));
        assert_ne!(encoded(Value::Null), encoded(Value::Text("".into())));
    }
}
