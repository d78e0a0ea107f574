//! What follows from the table of verbs.

/// Makes the enums [`Verb`](super::Verb) and [`Request`](super::Request) of a table whose lines
/// are `module: Struct`, and sends each verb on to its module. A module has `SPEC`, its struct has
/// `parse` and `Display`, and its tests have `any`.
macro_rules! define_verbs {
    ($($module:ident: $Verb:ident,)*) => {
        $(pub use $module::$Verb;)*

        /// What a request is, without what it is about. Most verbs are the word that a request
        /// starts with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Verb {
            $(
                #[doc = concat!("See [`", stringify!($Verb), "`].")]
                $Verb,
            )*
        }

        /// One understood request: one variant per verb, with what the verb's struct holds.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Request {
            $(
                #[doc = concat!("See [`", stringify!($Verb), "`].")]
                $Verb($Verb),
            )*
        }

        impl Verb {
            /// Every verb, in the order in which people meet them.
            pub const ALL: &[Verb] = &[$(Verb::$Verb,)*];

            fn spec(self) -> &'static Spec {
                match self {
                    $(Verb::$Verb => &$module::SPEC,)*
                }
            }

            fn module(self) -> &'static str {
                match self {
                    $(Verb::$Verb => stringify!($module),)*
                }
            }

            /// Reads the words after the verb.
            pub(super) fn parse(self, words: Words<'_>) -> Result<Request, Misread> {
                match self {
                    $(Verb::$Verb => $Verb::parse(words).map(Request::$Verb),)*
                }
            }

            /// Every request with the verb that people can make, for tests.
            #[cfg(test)]
            pub(super) fn any_request(self) -> proptest::strategy::BoxedStrategy<Request> {
                use proptest::strategy::Strategy;
                match self {
                    $(Verb::$Verb => $module::tests::any().prop_map(Request::$Verb).boxed(),)*
                }
            }
        }

        impl Request {
            /// The verb of the request.
            pub fn verb(&self) -> Verb {
                match self {
                    $(Request::$Verb(_) => Verb::$Verb,)*
                }
            }
        }

        impl fmt::Display for Request {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Request::$Verb(request) => fmt::Display::fmt(request, f),)*
                }
            }
        }
    };
}

pub(super) use define_verbs;
