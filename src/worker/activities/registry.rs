//! The activities of a worker, by type.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use temporalio_common::{
    data_converters::{
        ActivitySerializationContext, GenericPayloadConverter as _, PayloadConverter, SerializationContext,
        SerializationContextData,
    },
    error::ApplicationFailure,
    protos::temporal::api::common::v1::Payload,
};
use temporalio_sdk::activities::{ActivityContext, ActivityError, ExecutableActivity};

use crate::panics;

type Call = dyn Fn(ActivityContext, Vec<Payload>, &PayloadConverter) -> BoxFuture<'static, Result<Payload, ActivityError>>
    + Send
    + Sync;

/// One registered activity.
#[derive(Clone)]
pub(crate) struct RegisteredActivity {
    activity_type: Arc<str>,
    call: Arc<Call>,
}

impl RegisteredActivity {
    /// The activity with this marker, implemented by `implementer`.
    pub(crate) fn implemented_by<A>(implementer: Arc<A::Implementer>) -> Self
    where
        A: ExecutableActivity,
        A::Input: Send + Sync,
        A::Output: Send + Sync,
    {
        Self::new(A::definition().name(), move |context, arguments, converter| {
            let (implementer, converter) = (implementer.clone(), converter.clone());
            async move {
                let kind = SerializationContextData::Activity(ActivitySerializationContext::new());
                let serialization = SerializationContext::new(&kind, &converter);
                let input = converter.from_payloads::<A::Input>(&serialization, arguments)?;
                let output = A::execute(Some(implementer), context, input).await?;
                Ok(converter.to_payload(&serialization, &output)?)
            }
            .boxed()
        })
    }

    /// An activity that this function runs.
    pub(crate) fn new(
        activity_type: &str,
        call: impl Fn(
            ActivityContext,
            Vec<Payload>,
            &PayloadConverter,
        ) -> BoxFuture<'static, Result<Payload, ActivityError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { activity_type: activity_type.into(), call: Arc::new(call) }
    }

    /// The activity type.
    pub(crate) fn activity_type(&self) -> &Arc<str> {
        &self.activity_type
    }

    /// Runs the activity. A panic becomes the failure that the SDK makes of it.
    pub(crate) fn call(
        &self,
        context: ActivityContext,
        arguments: Vec<Payload>,
        converter: &PayloadConverter,
    ) -> impl Future<Output = Result<Payload, ActivityError>> {
        let returned = AssertUnwindSafe(async move { (self.call)(context, arguments, converter).await });
        returned.catch_unwind().map(|returned| {
            returned.unwrap_or_else(|panic| {
                let message = format!("Activity function panicked: {}", panics::message(&*panic));
                Err(ApplicationFailure::new(anyhow::anyhow!(message)).into())
            })
        })
    }
}

impl std::fmt::Debug for RegisteredActivity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("RegisteredActivity").field(&self.activity_type).finish()
    }
}

/// All activities of a worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activities(BTreeMap<Arc<str>, RegisteredActivity>);

impl Activities {
    /// Adds an activity; gives it back if its type is taken.
    pub(crate) fn insert(&mut self, activity: RegisteredActivity) -> Result<(), RegisteredActivity> {
        if self.0.contains_key(activity.activity_type()) {
            return Err(activity);
        }
        self.replace(activity);
        Ok(())
    }

    /// Adds an activity in place of the one with the same type, if there is one.
    pub(crate) fn replace(&mut self, activity: RegisteredActivity) {
        self.0.insert(activity.activity_type().clone(), activity);
    }

    /// The activity of a type.
    pub(crate) fn get(&self, activity_type: &str) -> Option<&RegisteredActivity> {
        self.0.get(activity_type)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All types, in order.
    pub(crate) fn types(&self) -> Vec<&str> {
        self.0.keys().map(|activity_type| &**activity_type).collect()
    }
}

/// The markers of several activities of one implementer: a tuple such as `(Bank::withdraw, Bank::deposit)`.
pub trait ActivityMarkers<I>: sealed::Sealed<I> {}

impl<I, T: sealed::Sealed<I>> ActivityMarkers<I> for T {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use super::RegisteredActivity;

    pub trait Sealed<I> {
        #[allow(private_interfaces, reason = "sealed: nobody outside this crate can name the trait")]
        fn registered(implementer: &Arc<I>) -> Vec<RegisteredActivity>;
    }
}

macro_rules! impl_markers {
    ($($marker:ident)+) => {
        impl<I, $($marker),+> sealed::Sealed<I> for ($($marker,)+)
        where
            $(
                $marker: ExecutableActivity<Implementer = I>,
                $marker::Input: Send + Sync,
                $marker::Output: Send + Sync,
            )+
        {
            #[allow(private_interfaces, reason = "sealed: nobody outside this crate can name the trait")]
            fn registered(implementer: &Arc<I>) -> Vec<RegisteredActivity> {
                vec![$( RegisteredActivity::implemented_by::<$marker>(implementer.clone()) ),+]
            }
        }
    };
}

macro_rules! impl_markers_up_to {
    ($first:ident $($rest:ident)*) => {
        impl_markers!($first $($rest)*);
        impl_markers_up_to!($($rest)*);
    };
    () => {};
}

impl_markers_up_to!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16);
