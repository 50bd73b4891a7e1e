export { validationProjection } from './projections/validation.projection.js';
export { validationService } from './validation.service.js';
