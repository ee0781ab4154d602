//! [`SkillSource`]: the skills of a directory, and [`WithSkills`]: tools that tell the text of those that a user names.

use crate::settings::Wishes;
use agent_core::{
    CollectRequest, Collected, EffectId, Operation, PrepareRequest, Prepared, Redactor, SkillText, ThreadKey,
    ToolAnswer, ToolCallHandler, ToolRequest,
};
use async_trait::async_trait;
use config::{Feature, Features, SkillPlaces, Skills};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What the model is told of all skills together has at most so many tokens.
const LIST_TOKENS: usize = 2_000;

/// Where skills are looked for.
#[derive(Debug)]
pub(crate) struct SkillSource {
    home: PathBuf,
    user: Option<PathBuf>,
    features: Features,
}

impl SkillSource {
    pub(crate) fn new(wishes: &Wishes, home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            user: wishes.environment.get("HOME").map(PathBuf::from),
            features: wishes.config().features.clone(),
        }
    }

    /// The skills of a thread in this directory, as they are now.
    pub(crate) fn at(&self, cwd: &Path) -> Skills {
        if !self.features.is_on(Feature::Skills) {
            return Skills::default();
        }
        // A file that cannot be read is told by whoever reads the configuration.
        let trust = config::trust_of(&self.home, cwd).map(|project| project.trust).unwrap_or_default();
        Skills::find(&SkillPlaces {
            home: self.home.clone(),
            user: self.user.clone(),
            system: SkillPlaces::SYSTEM.into(),
            cwd: Some(cwd.to_owned()),
            trust,
            foreign: self.features.is_on(Feature::ForeignSkills),
        })
    }

    /// What the model is told of them.
    pub(crate) fn told(&self, cwd: &Path) -> Option<String> {
        self.at(cwd).prompt_text(LIST_TOKENS)
    }

    /// The texts of these skills, and what is wrong with those that have none.
    fn texts(&self, cwd: &Path, names: &[String]) -> (Vec<SkillText>, Vec<String>) {
        let (mut texts, mut warnings) = (Vec::new(), Vec::new());
        if names.is_empty() {
            return (texts, warnings);
        }
        let skills = self.at(cwd);
        for name in names {
            match skills.text(name) {
                Ok(Some(text)) => texts.push(text),
                Ok(None) => {
                    warnings.push(format!(
                        "there is no skill {name} here; everturn skills lists those there are"
                    ));
                }
                Err(warning) => warnings.push(warning),
            }
        }
        (texts, warnings)
    }
}

/// Tools, and the skills beside them.
pub(crate) struct WithSkills<T> {
    tools: Arc<T>,
    skills: Arc<SkillSource>,
    redactor: Redactor,
}

impl<T> WithSkills<T> {
    pub(crate) fn new(tools: Arc<T>, skills: Arc<SkillSource>, redactor: Redactor) -> Self {
        Self { tools, skills, redactor }
    }
}

#[async_trait]
impl<T: ToolCallHandler> ToolCallHandler for WithSkills<T> {
    async fn collect(&self, request: CollectRequest) -> Collected {
        let (skills, warnings) = self.skills.texts(Path::new(&request.cwd), &request.skills);
        let mut collected = self.tools.collect(request).await;
        let scrubbed = |skill: SkillText| SkillText { text: self.redactor.scrub(&skill.text), ..skill };
        collected.skills.extend(skills.into_iter().map(scrubbed));
        collected.warnings.extend(warnings.iter().map(|warning| self.redactor.scrub(warning)));
        collected
    }

    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        self.tools.prepare(request).await
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        self.tools.start(request)
    }

    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        self.tools.recover(request).await
    }

    fn acknowledge(&self, key: &ThreadKey, effect: EffectId) {
        self.tools.acknowledge(key, effect);
    }
}
