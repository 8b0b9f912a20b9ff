//! The guard's calls about images, most of which transfer data.

use async_trait::async_trait;

use super::super::{
    Archive, BuildSpec, Credentials, EngineResult, Image, Images, ListedImage, Progress,
};
use super::{COMMIT, GuardedEngine, Liveness, SILENCE, SILENCE_OF_BUILD};

#[async_trait]
impl Images for GuardedEngine<'_> {
    async fn images(&self) -> EngineResult<Vec<ListedImage>> {
        self.read("list images", self.engine.images()).await
    }

    async fn image(&self, reference: &str) -> EngineResult<Option<Image>> {
        let call = self.engine.image(reference);
        self.read("inspect an image", call).await
    }

    async fn import_image(
        &self,
        reference: &str,
        changes: &[String],
        tar: Archive,
    ) -> EngineResult<()> {
        let liveness = Liveness::new();
        let tar = liveness.track(tar);
        let call = self.engine.import_image(reference, changes, tar);
        self.transfer(SILENCE, "import an image", &liveness, call)
            .await
    }

    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        let liveness = Liveness::new();
        let mut heard = liveness.listen_to(progress);
        let call = self.engine.pull_image(reference, credentials, &mut heard);
        self.transfer(SILENCE, "continue the pull", &liveness, call)
            .await
    }

    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        let liveness = Liveness::new();
        let mut heard = liveness.listen_to(progress);
        let call = self.engine.push_image(reference, credentials, &mut heard);
        self.transfer(SILENCE, "continue the push", &liveness, call)
            .await
    }

    async fn build_image(
        &self,
        spec: &BuildSpec,
        context: Archive,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        let liveness = Liveness::new();
        let context = liveness.track(context);
        let mut heard = liveness.listen_to(progress);
        let call = self.engine.build_image(spec, context, &mut heard);
        self.transfer(SILENCE_OF_BUILD, "continue the build", &liveness, call)
            .await
    }

    async fn commit_container(
        &self,
        id: &str,
        repository: &str,
        tag: &str,
        changes: &[String],
    ) -> EngineResult<String> {
        let call = self.engine.commit_container(id, repository, tag, changes);
        self.change(COMMIT, "commit a container", call).await
    }
}
