// The rules of dependency of docs/architecture.md. Each one is also a named test in scripts/test/dependency-rules.spec.ts.
const service = '^services/([^/]+)/';
const lib = (names) => `^libs/(${names})/`;
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export const forbidden = [
  forbid('no-cycles', 'modules depend one way', { pathNot: 'node_modules|/gen/' }, { circular: true }),
  forbid('domain-is-pure', 'domain imports libs/kernel and itself, never Nest, pg, I/O', { path: `${service}src/domain/`, pathNot: '\\.spec\\.ts$' }, { pathNot: [`^services/$1/src/domain/`, lib('kernel')] }),
  forbid('application-sees-ports', 'application imports domain and ports, not edges', { path: `${service}src/application/`, pathNot: '\\.spec\\.ts$' }, { path: '^services/[^/]+/src/(interface|infrastructure)/' }),
  forbid('services-stay-apart', 'a service never imports another service', { path: service }, { path: '^services/', pathNot: '^services/$1/' }),
  forbid('only-all-in-one-composes', 'only deploy/all-in-one imports services; scripts/src/bench may import domain and read models', { path: '^(libs|scripts)/', pathNot: '^scripts/(src|test)/' }, { path: '^services/' }),
  forbid('scripts-import-domain-only', 'scripts import a service only for its domain and its read models, in bench', { path: '^scripts/(src|test)/' }, { path: '^services/[^/]+/src/', pathNot: '^services/[^/]+/src/(domain|projections)/' }),
  forbid('demo-plays-from-outside', 'nothing of a service is imported by the demo, not even by way of something else', { path: '^scripts/src/demo/' }, { path: '^services/', reachable: true }),
  forbid('kernel-depends-on-nothing', 'kernel has no dependencies', { path: '^libs/kernel/src', pathNot: '\\.spec\\.ts$' }, { pathNot: ['^libs/kernel/', '^(node:)?crypto$'] }),
  forbid('libs-point-one-way', 'libs never import platform or services', { path: lib('kernel|contracts|telemetry|events|messaging|artifacts|models|runner|aggregation|contracts-evm|embedded') }, { path: ['^libs/platform/', '^libs/clients/', '^services/', '^deploy/'] }),
  forbid('clients-stay-outside', 'clients use public APIs: never events, messaging, platform or a service', { path: '^libs/clients/[^/]+/src' }, { path: ['^libs/(events|messaging|artifacts|platform|embedded)/', '^services/', '^deploy/'] }),
  forbid('testing-is-for-tests', 'libs/testing is imported by tests and the fault-injection suite only, its trace sink also by the demo', { path: '^(libs|services|deploy|scripts)/', pathNot: ['\\.spec\\.ts$', '/test/', '^libs/testing/', '^scripts/src/chaos/'] }, { path: '^libs/testing/', pathNot: '^libs/testing/src/(otlp-sink|trace-edges)\\.ts$' }),
  forbid('one-onnxruntime', 'only libs/runner imports onnxruntime-node', { pathNot: '^libs/runner/' }, { path: 'node_modules/onnxruntime' }),
  forbid('one-otel-sdk', 'only libs/telemetry imports the OpenTelemetry SDK', { pathNot: '^(libs/telemetry/|node_modules)' }, { path: 'node_modules/@opentelemetry/(sdk|exporter)' }),
  forbid('sql-stays-in-edges', 'pg is imported by event store, messaging, artifacts, infrastructure, projections and wiring only', { path: ['^services/[^/]+/src/(domain|application|interface)/', '^libs/(kernel|contracts|models|runner|aggregation|clients)/'], pathNot: '\\.spec\\.ts$' }, { path: 'node_modules/pg/' }),
];

export default {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.check.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['source', 'import', 'node', 'default'] },
  },
};
