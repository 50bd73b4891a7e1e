/**
 * Rows for training or scoring: `features` is row-major `rows × columns.length` float32; `labels` holds one number per
 * row (class index for classification, value for regression).
 */
export interface Dataset {
  readonly columns: readonly string[];
  readonly rows: number;
  readonly features: Float32Array;
  readonly labels: Float32Array;
  /** Class names in the order of their index; absent for regression. */
  readonly classes?: readonly string[];
}
