export type { FoundField as SourceField } from '../../connector-kit/index.ts';
export type { ModelFields } from './fields.ts';
export {
  type ModelOutcome,
  startCreateModel,
  startGetModel,
  startPreviewModel,
  startSampleModel,
  startUpdateModel,
} from './jobs.ts';
export {
  createModel,
  deleteModel,
  getModel,
  listAllModels,
  listModels,
  type ModelChange,
  type ModelInput,
  type ModelView,
  patchModel,
  previewModel,
  updateModel,
} from './models.ts';
export { sampleModel } from './sample.ts';
export {
  describeModelSource,
  listSourceFields,
  type ModelSourceDescription,
  refuseEnrichment,
} from './sources.ts';
