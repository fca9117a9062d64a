//! Turns the JSON text of a call into the typed arguments of a function.
//!
//! One serde pass straight into typed slots; no derive and no struct per tool. Only when that pass
//! fails does a second, slow one collect everything that is wrong, in words a model can act on.
//!
//! The slow pass never quotes the value of a `#[arg(secret)]` parameter, nor a path inside it: the
//! keys of a map are values too.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::private::{ParameterSpec, Spec};
use crate::tool::ArgumentErrors;

/// How one argument is read. Chosen by a probe, so that code generated for a type that cannot be an
/// argument still type-checks and only the assertion complains.
pub trait Argument: Copy {
    /// The parameter's type.
    type Value;

    /// Reads the value that follows a key.
    fn read<'de, M: MapAccess<'de>>(self, map: &mut M) -> Result<Self::Value, M::Error>;

    /// Reads the value that follows a key; `null` is none.
    fn read_nullable<'de, M: MapAccess<'de>>(self, map: &mut M) -> Result<Option<Self::Value>, M::Error>;

    /// The value when there is no such key.
    fn absent(self) -> Option<Self::Value>;
}

/// An argument that can be read.
pub struct Typed<T>(PhantomData<fn() -> T>);

/// A parameter type that cannot be an argument; never compiles to anything that runs.
pub struct Untyped<T>(PhantomData<fn() -> T>);

/// An argument with `#[arg(default = …)]`.
pub struct Defaulted<A: Argument> {
    argument: A,
    default: fn() -> A::Value,
}

impl<T> Typed<T> {
    /// The only one.
    pub const NEW: Self = Self(PhantomData);
}

impl<T> Untyped<T> {
    /// The only one.
    pub const NEW: Self = Self(PhantomData);
}

impl<A: Argument> Defaulted<A> {
    /// `argument`, or what `default` makes when it is absent or null.
    pub const fn new(argument: A, default: fn() -> A::Value) -> Self {
        Self { argument, default }
    }
}

// Written out because a derive would ask `T: Clone`.
impl<T> Copy for Typed<T> {}
impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Untyped<T> {}
impl<T> Clone for Untyped<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Argument> Copy for Defaulted<A> {}
#[expect(
    clippy::expl_impl_clone_on_copy,
    reason = "a derive would ask `A::Value: Clone`"
)]
impl<A: Argument> Clone for Defaulted<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: DeserializeOwned> Argument for Typed<T> {
    type Value = T;

    #[inline]
    fn read<'de, M: MapAccess<'de>>(self, map: &mut M) -> Result<T, M::Error> {
        map.next_value()
    }

    #[inline]
    fn read_nullable<'de, M: MapAccess<'de>>(self, map: &mut M) -> Result<Option<T>, M::Error> {
        map.next_value()
    }

    #[inline]
    fn absent(self) -> Option<T> {
        absent()
    }
}

impl<T> Argument for Untyped<T> {
    type Value = T;

    fn read<'de, M: MapAccess<'de>>(self, _: &mut M) -> Result<T, M::Error> {
        Err(de::Error::custom("this type cannot be read"))
    }

    fn read_nullable<'de, M: MapAccess<'de>>(self, _: &mut M) -> Result<Option<T>, M::Error> {
        Err(de::Error::custom("this type cannot be read"))
    }

    fn absent(self) -> Option<T> {
        None
    }
}

impl<A: Argument> Argument for Defaulted<A> {
    type Value = A::Value;

    #[inline]
    fn read<'de, M: MapAccess<'de>>(self, map: &mut M) -> Result<A::Value, M::Error> {
        // Dialects without optional properties send `null` for "use the default".
        match self.argument.read_nullable(map)? {
            Some(value) => Ok(value),
            None => Ok(self.argument.absent().unwrap_or_else(self.default)),
        }
    }

    fn read_nullable<'de, M: MapAccess<'de>>(self, map: &mut M) -> Result<Option<A::Value>, M::Error> {
        self.argument.read_nullable(map)
    }

    #[inline]
    fn absent(self) -> Option<A::Value> {
        Some((self.default)())
    }
}

/// The arguments of a function: `(A, (B, ()))`.
pub trait Arguments: Copy {
    /// What the function takes, nested in the same way.
    type Values;
    /// What has been read so far.
    type Slots;

    /// Nothing read yet.
    fn slots(self) -> Self::Slots;

    /// Reads the value of the argument at `place`.
    fn fill<'de, M: MapAccess<'de>>(
        self,
        slots: &mut Self::Slots,
        place: usize,
        map: &mut M,
    ) -> Result<(), M::Error>;

    /// All values, if none is missing.
    fn finish(self, slots: Self::Slots) -> Option<Self::Values>;
}

impl Arguments for () {
    type Values = ();
    type Slots = ();

    #[inline]
    fn slots(self) {}

    #[inline]
    fn fill<'de, M: MapAccess<'de>>(self, (): &mut (), _: usize, _: &mut M) -> Result<(), M::Error> {
        Err(de::Error::custom("no such argument"))
    }

    #[inline]
    fn finish(self, (): ()) -> Option<()> {
        Some(())
    }
}

impl<A: Argument, Rest: Arguments> Arguments for (A, Rest) {
    type Values = (A::Value, Rest::Values);
    type Slots = (Option<A::Value>, Rest::Slots);

    #[inline]
    fn slots(self) -> Self::Slots {
        (None, self.1.slots())
    }

    #[inline]
    fn fill<'de, M: MapAccess<'de>>(
        self,
        slots: &mut Self::Slots,
        place: usize,
        map: &mut M,
    ) -> Result<(), M::Error> {
        if place > 0 {
            return self.1.fill(&mut slots.1, place - 1, map);
        }
        if slots.0.is_some() {
            return Err(de::Error::custom("given twice"));
        }
        slots.0 = Some(self.0.read(map)?);
        Ok(())
    }

    #[inline]
    fn finish(self, slots: Self::Slots) -> Option<Self::Values> {
        let value = slots.0.or_else(|| self.0.absent())?;
        Some((value, self.1.finish(slots.1)?))
    }
}

/// The typed arguments in `text`, or everything that is wrong with it.
#[inline]
pub fn decode<A: Arguments>(arguments: A, spec: &Spec, text: &str) -> Result<A::Values, ArgumentErrors> {
    match decode_fast(arguments, spec.parameters, text) {
        Ok(values) => Ok(values),
        Err(error) => decode_absent(arguments, text).ok_or_else(|| explain(spec, text, &error)),
    }
}

#[inline]
fn decode_fast<A: Arguments>(
    arguments: A,
    parameters: &[ParameterSpec],
    text: &str,
) -> Result<A::Values, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let values = json.deserialize_map(Slotter {
        arguments,
        parameters,
    })?;
    json.end()?;
    Ok(values)
}

/// Models write "no arguments" as `null` or as nothing at all.
#[cold]
fn decode_absent<A: Arguments>(arguments: A, text: &str) -> Option<A::Values> {
    is_nothing(text)
        .then(|| arguments.finish(arguments.slots()))
        .flatten()
}

fn is_nothing(text: &str) -> bool {
    matches!(text.trim(), "" | "null")
}

struct Slotter<'a, A> {
    arguments: A,
    parameters: &'a [ParameterSpec],
}

impl<'de, A: Arguments> Visitor<'de> for Slotter<'_, A> {
    type Value = A::Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    #[inline]
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<A::Values, M::Error> {
        let mut slots = self.arguments.slots();
        let mut expected = 0;
        while let Some(place) = map.next_key_seed(Key {
            parameters: self.parameters,
            expected,
        })? {
            self.arguments.fill(&mut slots, place, &mut map)?;
            expected = place + 1;
        }
        self.arguments
            .finish(slots)
            .ok_or_else(|| de::Error::custom("an argument is missing"))
    }
}

struct Key<'a> {
    parameters: &'a [ParameterSpec],
    /// Models write arguments in the order of the schema, so the next one is tried first.
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an argument")
    }

    #[inline]
    fn visit_str<E: de::Error>(self, key: &str) -> Result<usize, E> {
        if self
            .parameters
            .get(self.expected)
            .is_some_and(|it| it.name == key)
        {
            return Ok(self.expected);
        }
        place(self.parameters, key).ok_or_else(|| E::custom("unknown argument"))
    }
}

fn place(parameters: &[ParameterSpec], key: &str) -> Option<usize> {
    parameters.iter().position(|it| it.name == key)
}

/// What is left out is asked of the type, never of its spelling: `Option`, an alias of it and a
/// transparent wrapper around it all accept "absent".
pub(crate) fn absent<T: DeserializeOwned>() -> Option<T> {
    T::deserialize(Absent).ok()
}

struct Absent;

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be given")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Absent {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// What is wrong with one value, and where in it.
pub struct Problem {
    path: String,
    message: String,
}

/// Whether `value` can be read as a `T`.
pub(crate) fn examine<T: DeserializeOwned>(value: Value) -> Result<(), Problem> {
    match serde_path_to_error::deserialize::<_, T>(value) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem {
            path: error.path().to_string(),
            message: error.inner().to_string(),
        }),
    }
}

/// Everything that is wrong with `text`, apart from what is still to be filled in by a person.
pub(crate) fn check(spec: &Spec, text: &str, unfilled: &[&str]) -> Result<(), ArgumentErrors> {
    match problems(spec, text, unfilled) {
        found if found.is_empty() => Ok(()),
        found => Err(ArgumentErrors(found)),
    }
}

#[cold]
fn explain(spec: &Spec, text: &str, error: &serde_json::Error) -> ArgumentErrors {
    let mut found = problems(spec, text, &[]);
    // The slow pass reads through `Value`; a type that only the text disappoints is caught here.
    if found.is_empty() {
        found.push(if spec.parameters.iter().any(|it| it.secret) {
            "the arguments cannot be read".to_owned()
        } else {
            shortened(format!("the arguments cannot be read: {error}"))
        });
    }
    ArgumentErrors(found)
}

fn problems(spec: &Spec, text: &str, unfilled: &[&str]) -> Vec<String> {
    let pairs = if is_nothing(text) {
        Vec::new()
    } else {
        match serde_json::from_str::<Pairs>(text) {
            Ok(pairs) => pairs.0,
            Err(error) if error.is_data() => {
                return vec!["the arguments must be a JSON object".to_owned()];
            }
            Err(error) => return vec![format!("the arguments are not valid JSON: {error}")],
        }
    };
    let mut found = Vec::new();
    let mut given = vec![false; spec.parameters.len()];
    for (key, value) in pairs {
        let place = place(spec.parameters, &key);
        let Some((parameter, given)) =
            place.and_then(|it| Some((spec.parameters.get(it)?, given.get_mut(it)?)))
        else {
            found.push(shortened(unknown(spec.parameters, &key)));
            continue;
        };
        if std::mem::replace(given, true) {
            found.push(format!("argument `{key}` is given twice"));
        } else if let Some(problem) = refusal(parameter, value) {
            found.push(shortened(problem));
        }
    }
    for (parameter, given) in spec.parameters.iter().zip(given) {
        if !given && parameter.is_required() && !unfilled.contains(&parameter.name) {
            found.push(format!("argument `{}` is missing", parameter.name));
        }
    }
    found
}

fn refusal(parameter: &ParameterSpec, value: Value) -> Option<String> {
    if value.is_null() && parameter.default.is_some() {
        return None;
    }
    let Problem { path, message } = (parameter.facts.examine)(value).err()?;
    let name = parameter.name;
    if parameter.secret {
        return Some(format!("argument `{name}`: not a value this argument accepts"));
    }
    Some(match path.as_str() {
        "." | "" | "?" => format!("argument `{name}`: {message}"),
        inside if inside.starts_with('[') => format!("argument `{name}{inside}`: {message}"),
        inside => format!("argument `{name}.{inside}`: {message}"),
    })
}

fn unknown(parameters: &[ParameterSpec], key: &str) -> String {
    if parameters.is_empty() {
        return format!("unknown argument `{key}`; this tool takes none");
    }
    let known: Vec<String> = parameters.iter().map(|it| format!("`{}`", it.name)).collect();
    format!("unknown argument `{key}`; expected one of {}", known.join(", "))
}

/// A model that sent a megabyte where a number belongs does not need it back.
fn shortened(mut message: String) -> String {
    const MOST: usize = 1000;
    if message.len() > MOST {
        let end = (0..=MOST).rev().find(|it| message.is_char_boundary(*it));
        message.truncate(end.unwrap_or(0));
        message.push('…');
    }
    message
}

/// The members of an object as they were written, repeated keys included.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
