//! [`Offer`]: what comes as a signal.

use agent_core::Submission;
use temporalio_common::{
    data_converters::{
        GenericPayloadConverter, PayloadConversionError, SerializationContext, TemporalDeserializable,
        TemporalSerializable,
    },
    protos::temporal::api::common::v1::Payload,
};

/// An op that comes as a signal, or something that is none.
///
/// A signal is in the history once the server has it, and a workflow task that cannot read one fails for ever. So reading an
/// offer never fails: what is no op is told to nobody, and does nothing.
#[derive(Clone, Debug)]
pub struct Offer(Result<Submission, String>);

impl Offer {
    /// The op.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn submission(self) -> Result<Submission, String> {
        self.0
    }
}

impl From<Submission> for Offer {
    fn from(submission: Submission) -> Self {
        Self(Ok(submission))
    }
}

impl TemporalSerializable for Offer {
    fn to_payload(&self, ctx: &SerializationContext<'_>) -> Result<Payload, PayloadConversionError> {
        match &self.0 {
            Ok(submission) => ctx.converter.to_payload(ctx, submission),
            Err(_) => Err(PayloadConversionError::WrongEncoding),
        }
    }
}

impl TemporalDeserializable for Offer {
    fn from_payload(
        ctx: &SerializationContext<'_>,
        payload: Payload,
    ) -> Result<Self, PayloadConversionError> {
        let read = ctx.converter.from_payload::<Submission>(ctx, payload);
        Ok(Self(read.map_err(|error| error.to_string())))
    }

    fn from_payloads(
        ctx: &SerializationContext<'_>,
        payloads: Vec<Payload>,
    ) -> Result<Self, PayloadConversionError> {
        match <[Payload; 1]>::try_from(payloads) {
            Ok([payload]) => Self::from_payload(ctx, payload),
            Err(payloads) => {
                Ok(Self(Err(format!("it has {} values where one was expected", payloads.len()))))
            }
        }
    }
}
