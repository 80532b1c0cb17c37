//! Activities that a test stands in for, typed by the activity's own marker.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use temporalio_common::{
    ActivityDefinition,
    data_converters::{
        ActivitySerializationContext, GenericPayloadConverter as _, PayloadConverter, SerializationContext,
        SerializationContextData,
    },
    error::ApplicationFailure,
    protos::temporal::api::common::v1::Payload,
};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

/// Stands in for one activity: says what each call comes to, and remembers the calls.
///
/// ```
/// # use temporal_sim::{Mock, Outcome};
/// # use temporalio_common::{ActivityDefinition};
/// # use temporalio_macros::activities;
/// # use temporalio_sdk::activities::{ActivityContext, ActivityError};
/// struct Bank;
/// #[activities]
/// impl Bank {
///     #[activity]
///     async fn deposit(_ctx: ActivityContext, cents: i64) -> Result<String, ActivityError> {
///         unimplemented!("calls the bank")
///     }
/// }
///
/// // The first two attempts fail, the third one hangs until it times out, every later one succeeds.
/// let deposit = Mock::new(Bank::deposit)
///     .script([Outcome::fail("503"), Outcome::fail("503"), Outcome::never()])
///     .returns("receipt 1".to_owned());
/// # assert_eq!(deposit.calls(), 0);
/// ```
///
/// Register it on a worker with [`Worker::mock`](crate::Worker::mock), and keep a clone to ask
/// [`calls`](Self::calls) and [`inputs`](Self::inputs) afterwards. Clones share everything.
pub struct Mock<A: ActivityDefinition>(Arc<Inner<A>>);

struct Inner<A: ActivityDefinition> {
    activity_type: String,
    state: Mutex<State<A>>,
}

struct State<A: ActivityDefinition> {
    script: VecDeque<Outcome<A::Output>>,
    otherwise: Option<Arc<Behaviour<A>>>,
    expected: Option<RangeInclusive<usize>>,
    calls: Vec<(Vec<Payload>, PayloadConverter)>,
}

type Behaviour<A> = dyn Fn(
        ActivityContext,
        <A as ActivityDefinition>::Input,
    ) -> BoxFuture<'static, Result<<A as ActivityDefinition>::Output, ActivityError>>
    + Send
    + Sync;

impl<A> Mock<A>
where
    A: ActivityDefinition,
    A::Input: Send,
    A::Output: Send,
{
    /// A mock of the activity with this marker. Until it is told what to do, a call of it fails for good.
    pub fn new(activity: A) -> Self {
        Self(Arc::new(Inner {
            activity_type: activity.name().to_owned(),
            state: Mutex::new(State {
                script: VecDeque::new(),
                otherwise: None,
                expected: None,
                calls: Vec::new(),
            }),
        }))
    }

    /// What successive calls come to, one outcome each; a retry is a call like any other. Calls after the
    /// last outcome come to what [`returns`](Self::returns) or [`runs`](Self::runs) says; without it they
    /// fail for good.
    #[must_use]
    pub fn script(self, outcomes: impl IntoIterator<Item = Outcome<A::Output>>) -> Self {
        self.state().script.extend(outcomes);
        self
    }

    /// Every call succeeds with this value.
    #[must_use]
    pub fn returns(self, value: A::Output) -> Self
    where
        A::Output: Clone + Sync,
    {
        self.runs(move |_, _| {
            let value = value.clone();
            async move { Ok(value) }
        })
    }

    /// Every call hangs until it is timed out.
    #[must_use]
    pub fn never_returns(self) -> Self {
        self.runs(|_, _| std::future::pending())
    }

    /// Every call runs this instead of the activity. It may sleep on tokio's clock, which is virtual time.
    #[must_use]
    pub fn runs<F, R>(self, behaviour: F) -> Self
    where
        F: Fn(ActivityContext, A::Input) -> R + Send + Sync + 'static,
        R: Future<Output = Result<A::Output, ActivityError>> + Send + 'static,
    {
        self.state().otherwise = Some(Arc::new(move |context, input| behaviour(context, input).boxed()));
        self
    }

    /// The simulation fails at its end unless the activity was called.
    #[must_use]
    pub fn expect_called(self) -> Self {
        self.expect_calls(1..=usize::MAX)
    }

    /// The simulation fails at its end unless the number of calls, retries included, lies in this range.
    #[must_use]
    pub fn expect_calls(self, calls: RangeInclusive<usize>) -> Self {
        self.state().expected = Some(calls);
        self
    }

    /// How often the activity was called so far, retries included.
    pub fn calls(&self) -> usize {
        self.state().calls.len()
    }

    /// The input of each call so far, in the order of the calls.
    ///
    /// # Panics
    /// If an input cannot be decoded a second time, which only a data converter with a memory could cause.
    pub fn inputs(&self) -> Vec<A::Input> {
        let calls = self.state().calls.clone();
        calls
            .into_iter()
            .map(|(payloads, converter)| {
                decode(payloads, &converter)
                    .expect("the input was decoded once already, when the call was made")
            })
            .collect()
    }

    /// Calls the mock with encoded input, as a worker does.
    pub(crate) fn call(
        &self,
        context: ActivityContext,
        payloads: Vec<Payload>,
        converter: &PayloadConverter,
    ) -> BoxFuture<'static, Result<Payload, ActivityError>> {
        let outcome = self.next(payloads, converter, context);
        let converter = converter.clone();
        async move {
            let output = outcome.await?;
            let data = SerializationContextData::Activity(ActivitySerializationContext::new());
            Ok(converter.to_payload(&SerializationContext::new(&data, &converter), &output)?)
        }
        .boxed()
    }

    fn next(
        &self,
        payloads: Vec<Payload>,
        converter: &PayloadConverter,
        context: ActivityContext,
    ) -> BoxFuture<'static, Result<A::Output, ActivityError>> {
        let input = match decode::<A::Input>(payloads.clone(), converter) {
            Ok(input) => input,
            Err(error) => return std::future::ready(Err(error)).boxed(),
        };
        let mut state = self.state();
        state.calls.push((payloads, converter.clone()));
        if let Some(outcome) = state.script.pop_front() {
            return outcome.come_to_pass().boxed();
        }
        let Some(behaviour) = state.otherwise.clone() else {
            let message = format!(
                "call {} of the mock of {}, which says nothing about it: add an outcome to its script, or say what it `returns`",
                state.calls.len(),
                self.0.activity_type
            );
            return std::future::ready(Err(ApplicationFailure::non_retryable(message).into())).boxed();
        };
        drop(state);
        behaviour(context, input)
    }
}

impl<A: ActivityDefinition> Mock<A> {
    /// The type of the activity that it stands in for.
    pub(crate) fn activity_type(&self) -> &str {
        &self.0.activity_type
    }

    fn state(&self) -> MutexGuard<'_, State<A>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: ActivityDefinition> Clone for Mock<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: ActivityDefinition> fmt::Debug for Mock<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Mock")
            .field("activity_type", &self.0.activity_type)
            .field("calls", &state.calls.len())
            .field("outcomes_left", &state.script.len())
            .finish_non_exhaustive()
    }
}

/// What one call of a mocked activity comes to.
pub struct Outcome<T> {
    delay: Duration,
    ending: Ending<T>,
}

enum Ending<T> {
    Returns(Result<T, ActivityError>),
    Never,
}

impl<T> Outcome<T> {
    /// The call succeeds.
    pub fn succeed(value: T) -> Self {
        Self::ends(Ending::Returns(Ok(value)))
    }

    /// The call fails with an application failure that may be retried.
    pub fn fail(message: impl Into<String>) -> Self {
        Self::error(ApplicationFailure::new(message.into()))
    }

    /// The call fails with an application failure that must not be retried.
    pub fn fail_for_good(message: impl Into<String>) -> Self {
        Self::error(ApplicationFailure::non_retryable(message.into()))
    }

    /// The call fails with this error: an [`ApplicationFailure`] with type and details, a cancellation, or
    /// any other error.
    pub fn error(error: impl Into<ActivityError>) -> Self {
        Self::ends(Ending::Returns(Err(error.into())))
    }

    /// The call never returns, so that it is timed out; without any timeout to do so the test ends in a
    /// deadlock report.
    pub fn never() -> Self {
        Self::ends(Ending::Never)
    }

    /// The same outcome, after this much virtual time.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay += delay;
        self
    }

    fn ends(ending: Ending<T>) -> Self {
        Self { delay: Duration::ZERO, ending }
    }

    async fn come_to_pass(self) -> Result<T, ActivityError> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        match self.ending {
            Ending::Returns(result) => result,
            Ending::Never => std::future::pending().await,
        }
    }
}

impl<T> fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = match &self.ending {
            Ending::Returns(Ok(_)) => "succeed",
            Ending::Returns(Err(_)) => "fail",
            Ending::Never => "never",
        };
        f.debug_struct("Outcome").field("ending", &ending).field("delay", &self.delay).finish()
    }
}

/// Something that a test expects of a simulation and that is checked at its end.
pub(crate) trait Expectation: Send + Sync {
    /// What was expected and did not happen.
    fn unmet(&self) -> Option<String>;
}

impl<A> Expectation for Mock<A>
where
    A: ActivityDefinition,
    A::Output: Send,
{
    fn unmet(&self) -> Option<String> {
        let state = self.state();
        let (calls, expected) = (state.calls.len(), state.expected.as_ref()?);
        if expected.contains(&calls) {
            return None;
        }
        let expected = match (*expected.start(), *expected.end()) {
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        Some(format!("{}: expected {expected} calls, got {calls}", self.0.activity_type))
    }
}

fn decode<T: temporalio_common::data_converters::TemporalDeserializable + 'static>(
    payloads: Vec<Payload>,
    converter: &PayloadConverter,
) -> Result<T, ActivityError> {
    let data = SerializationContextData::Activity(ActivitySerializationContext::new());
    Ok(converter.from_payloads(&SerializationContext::new(&data, converter), payloads)?)
}
