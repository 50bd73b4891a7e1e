import type { Vector } from './vectors.js';

/** FedProx: gradient + μ(w − w_t), the squared-norm form (Li et al. 2020). Returns a new vector. */
export function fedproxGradient(gradient: Vector, weights: Vector, global: Vector, mu: number): Float64Array {
  return Float64Array.from(gradient, (g, k) => g + mu * (weights[k]! - global[k]!));
}

/** SCAFFOLD: gradient − c_i + c. Returns a new vector. */
export function scaffoldGradient(gradient: Vector, own: Vector, server: Vector): Float64Array {
  return Float64Array.from(gradient, (g, k) => g - own[k]! + server[k]!);
}

/** What SCAFFOLD's control variate needs after local training. */
export interface ScaffoldControl {
  readonly own: Vector;
  readonly server: Vector;
  readonly global: Vector;
  readonly weights: Vector;
  readonly steps: number;
  readonly learningRate: number;
}

/** SCAFFOLD: c_i⁺ = c_i − c + (w_t − w_i)/(K·lr) after K local steps. */
export function scaffoldControl(control: ScaffoldControl): Float64Array {
  const scale = 1 / (control.steps * control.learningRate);
  return Float64Array.from(
    control.own,
    (c, k) => c - control.server[k]! + (control.global[k]! - control.weights[k]!) * scale,
  );
}
