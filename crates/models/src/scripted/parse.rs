//! Reads a script's TOML and checks it, with the line and the key of whatever is wrong.

use super::script::{
    Attempts, Fault, FaultKind, Script, ScriptError, ScriptedCall, ScriptedPayload, Shape, Step, Turn,
};
use super::template::Template;
use agent_core::TokenUsage;
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(default)]
    step: Vec<Spanned<RawStep>>,
    #[serde(default)]
    turn: Vec<Spanned<RawTurn>>,
    summary: Option<Spanned<RawStep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTurn {
    r#match: Option<String>,
    #[serde(default)]
    after_summary: bool,
    #[serde(default)]
    step: Vec<Spanned<RawStep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    r#match: Option<String>,
    expect_output: Option<String>,
    reasoning: Option<Spanned<String>>,
    search: Option<Spanned<String>>,
    text: Option<Spanned<String>>,
    #[serde(default)]
    calls: Vec<Spanned<RawCall>>,
    usage: Option<RawUsage>,
    #[serde(default)]
    delay_ms: u64,
    #[serde(default)]
    chunk_delay_ms: u64,
    fault: Option<Spanned<RawFault>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    tool: String,
    args: Option<Spanned<toml::Value>>,
    input: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawUsage {
    input: u64,
    cached: u64,
    output: u64,
    reasoning: u64,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a fault's name, or a table { kind = \"…\", attempts = N }")]
enum RawFault {
    Always(FaultKind),
    Table(RawFaultTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFaultTable {
    kind: FaultKind,
    attempts: Option<u32>,
}

pub(super) fn parse(text: &str) -> Result<Script, ScriptError> {
    let raw: RawScript = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
    let reader = Reader { text };
    let shape = match (raw.step.is_empty(), raw.turn.is_empty()) {
        (true, true) => {
            return Err(ScriptError {
                line: 1,
                key: String::new(),
                message: "a script has at least one [[step]] or [[turn]]".to_owned(),
            });
        }
        (false, false) => {
            let at = raw.turn.first().map_or(0..0, Spanned::span);
            return Err(reader.error(at, "turn", "a script has either [[step]] or [[turn]], not both"));
        }
        (false, true) => Shape::Steps(reader.steps(raw.step)?),
        (true, false) => {
            Shape::Turns(raw.turn.into_iter().map(|turn| reader.turn(turn)).collect::<Result<_, _>>()?)
        }
    };
    let summary = raw.summary.map(|step| reader.step(step)).transpose()?;
    Ok(Script { shape, summary })
}

/// Turns raw parts into checked ones; knows the text, for line numbers.
struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn turn(&self, raw: Spanned<RawTurn>) -> Result<Turn, ScriptError> {
        let span = raw.span();
        let raw = raw.into_inner();
        if raw.step.is_empty() {
            return Err(self.error(span, "turn", "a turn has at least one [[turn.step]]"));
        }
        Ok(Turn {
            line: self.line(&span),
            fits: raw.r#match,
            after_summary: raw.after_summary,
            steps: self.steps(raw.step)?,
        })
    }

    fn steps(&self, raw: Vec<Spanned<RawStep>>) -> Result<Vec<Step>, ScriptError> {
        raw.into_iter().map(|step| self.step(step)).collect()
    }

    fn step(&self, raw: Spanned<RawStep>) -> Result<Step, ScriptError> {
        let span = raw.span();
        let raw = raw.into_inner();
        let says_something =
            raw.text.is_some() || raw.reasoning.is_some() || raw.search.is_some() || !raw.calls.is_empty();
        let fault = raw.fault.map(|fault| self.fault(fault)).transpose()?;
        let always_fails = matches!(fault, Some(Fault { attempts: Attempts::All, .. }));
        if !says_something && !always_fails {
            return Err(self.error(
                span,
                "step",
                "a step has `text`, `reasoning`, `search` or `calls`, or a `fault` without `attempts`",
            ));
        }
        Ok(Step {
            line: self.line(&span),
            prompt_contains: raw.r#match,
            output_contains: raw.expect_output,
            reasoning: raw.reasoning.map(|text| self.template("reasoning", text)).transpose()?,
            search: raw.search.map(|text| self.template("search", text)).transpose()?,
            text: raw.text.map(|text| self.template("text", text)).transpose()?,
            calls: raw.calls.into_iter().map(|call| self.call(call)).collect::<Result<_, _>>()?,
            usage: raw.usage.map(|raw| TokenUsage {
                input: raw.input,
                cached: raw.cached,
                output: raw.output,
                reasoning: raw.reasoning,
            }),
            delay_ms: raw.delay_ms,
            chunk_delay_ms: raw.chunk_delay_ms,
            fault,
        })
    }

    fn fault(&self, raw: Spanned<RawFault>) -> Result<Fault, ScriptError> {
        let span = raw.span();
        match raw.into_inner() {
            RawFault::Always(kind) | RawFault::Table(RawFaultTable { kind, attempts: None }) => {
                Ok(Fault { kind, attempts: Attempts::All })
            }
            RawFault::Table(RawFaultTable { attempts: Some(0), .. }) => {
                Err(self.error(span, "attempts", "attempts are counted from 1"))
            }
            RawFault::Table(RawFaultTable { kind, attempts: Some(count) }) => {
                Ok(Fault { kind, attempts: Attempts::First(count) })
            }
        }
    }

    fn call(&self, raw: Spanned<RawCall>) -> Result<ScriptedCall, ScriptError> {
        let span = raw.span();
        let RawCall { tool, args, input } = raw.into_inner();
        let payload = match (args, input) {
            (Some(_), Some(_)) => {
                let message = format!("a call of `{tool}` has either `args` or `input`, not both");
                return Err(self.error(span, "calls", message));
            }
            (None, None) => ScriptedPayload::Json(Value::Object(serde_json::Map::new())),
            (None, Some(input)) => ScriptedPayload::Freeform(self.template("input", input)?),
            (Some(args), None) => self.arguments(args)?,
        };
        Ok(ScriptedCall { tool, payload })
    }

    fn arguments(&self, raw: Spanned<toml::Value>) -> Result<ScriptedPayload, ScriptError> {
        let span = raw.span();
        let json = match raw.into_inner() {
            toml::Value::String(text) => {
                let template = Template::parse(&text).map_err(|message| self.error(span, "args", message))?;
                return Ok(ScriptedPayload::RawArguments(template));
            }
            table @ toml::Value::Table(_) => json(table),
            other => Err(format!("`args` is a table or a string, not {}", other.type_str())),
        };
        json.map(ScriptedPayload::Json).map_err(|message| self.error(span, "args", message))
    }

    fn template(&self, key: &str, text: Spanned<String>) -> Result<Template, ScriptError> {
        let span = text.span();
        Template::parse(text.get_ref()).map_err(|message| self.error(span, key, message))
    }

    fn error(&self, at: Range<usize>, key: &str, message: impl Into<String>) -> ScriptError {
        ScriptError { line: self.line(&at), key: key.to_owned(), message: message.into() }
    }

    fn line(&self, at: &Range<usize>) -> usize {
        line_of(self.text, at.start)
    }
}

/// TOML as JSON, with every string in it checked as a template.
fn json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => {
            Template::parse(&text)?;
            Value::String(text)
        }
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => {
            Value::Number(serde_json::Number::from_f64(number).ok_or("JSON has no infinity and no NaN")?)
        }
        toml::Value::Boolean(yes) => Value::Bool(yes),
        toml::Value::Datetime(time) => {
            return Err(format!("JSON has no dates: write the date {time} in quotes"));
        }
        toml::Value::Array(values) => Value::Array(values.into_iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| Ok((key, json(value)?)))
                .collect::<Result<serde_json::Map<_, _>, String>>()?,
        ),
    })
}

fn toml_error(text: &str, error: &toml::de::Error) -> ScriptError {
    let start = error.span().map_or(0, |span| span.start);
    ScriptError { line: line_of(text, start), key: key_at(text, start), message: error.message().to_owned() }
}

/// The number of the line that a byte is in, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The key of the value at this byte, or the key there: what stands before the nearest `=` on its line.
fn key_at(text: &str, at: usize) -> String {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let is_key = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
    let own: String = line[at - start..].chars().take_while(|c| is_key(*c)).collect();
    if !own.is_empty() && line[at - start + own.len()..].trim_start().starts_with('=') {
        return own;
    }
    let before = line[..at - start].rsplit_once('=').map_or(line, |(before, _)| before).trim_end();
    let key = before.rsplit(|c: char| !is_key(c)).next().unwrap_or_default();
    if key.is_empty() { before.trim_matches(['[', ']']).to_owned() } else { key.to_owned() }
}
