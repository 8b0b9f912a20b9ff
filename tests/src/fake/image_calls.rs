//! The engine's calls about images, each recorded under its method's name.

use async_trait::async_trait;
use clusterdock::engine::{
    Archive, BuildSpec, Credentials, EngineError, EngineResult, Fault, Image, ImageProgress,
    Images, ListedImage, Progress,
};
use futures_util::StreamExt;

use super::FakeEngine;
use super::image::{pull_progress, push_progress, whole};

#[async_trait]
impl Images for FakeEngine {
    async fn images(&self) -> EngineResult<Vec<ListedImage>> {
        self.call(
            "images",
            |_| String::new(),
            |holdings| Ok(holdings.list_images()),
        )
        .await
    }

    async fn image(&self, reference: &str) -> EngineResult<Option<Image>> {
        let found = self.call(
            "image",
            |_| reference.into(),
            |holdings| {
                Ok(holdings
                    .find_image(reference)
                    .map(|held| held.image.clone()))
            },
        );
        found.await
    }

    async fn import_image(
        &self,
        reference: &str,
        changes: &[String],
        tar: Archive,
    ) -> EngineResult<()> {
        let call = self.begin("import_image", |_| reference.into()).await?;
        match whole(tar).await {
            Ok(archive) => {
                call.carry_out(|holdings| holdings.import_image(reference, changes, &archive))
                    .await
            }
            Err(broken) => call.answer(Err(broken)).await,
        }
    }

    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        let call = self.begin("pull_image", |_| reference.into()).await?;
        let pulled = call
            .carry_out(|holdings| holdings.pull_image(reference, credentials))
            .await;
        if pulled.is_ok() {
            pull_progress().into_iter().for_each(progress);
        }
        pulled
    }

    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        let call = self.begin("push_image", |_| reference.into()).await?;
        let pushed = call
            .carry_out(|holdings| holdings.push_image(reference, credentials))
            .await;
        if pushed.is_ok() {
            push_progress().into_iter().for_each(progress);
        }
        pushed
    }

    async fn build_image(
        &self,
        spec: &BuildSpec,
        mut context: Archive,
        progress: Progress<'_>,
    ) -> EngineResult<()> {
        while let Some(piece) = context.next().await {
            piece.map_err(|error| EngineError::new(Fault::Other, error.to_string()))?;
        }
        progress(ImageProgress {
            status: "Step 1/1 : FROM scratch".into(),
            ..ImageProgress::default()
        });
        let spec = spec.clone();
        let build = self.call(
            "build_image",
            |_| spec.reference.clone(),
            |holdings| {
                holdings.hold_image(
                    &spec.reference,
                    Image {
                        command: vec!["/bin/sh".into()],
                        labels: spec.labels.clone(),
                        ..Image::default()
                    },
                );
                holdings.builds.push(spec.clone());
                Ok(())
            },
        );
        build.await
    }

    async fn commit_container(
        &self,
        id: &str,
        repository: &str,
        tag: &str,
        changes: &[String],
    ) -> EngineResult<String> {
        let reference = format!("{repository}:{tag}");
        self.call(
            "commit_container",
            |holdings| holdings.name_of(id),
            move |holdings| holdings.commit_container(id, &reference, changes),
        )
        .await
    }
}
