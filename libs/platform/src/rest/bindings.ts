import { getOption, hasOption, type DescMethod, type DescService } from '@bufbuild/protobuf';
import { http as httpOption, type HttpRule } from '@skein/contracts/google/api';
import { matchPath, parseTemplate, type PathTemplate } from './template.js';

/** One way to call an RPC over HTTP. */
export interface HttpBinding {
  readonly method: DescMethod;
  /** Upper case. */
  readonly verb: string;
  readonly template: PathTemplate;
  /** `*`: the body is the message; a field's name: the body is that field; empty: no body. */
  readonly body: string;
}

function verbOf({ pattern }: HttpRule): { verb: string; path: string } | undefined {
  if (pattern.case === undefined) return undefined;
  if (pattern.case === 'custom') return { verb: pattern.value.kind.toUpperCase(), path: pattern.value.path };
  return { verb: pattern.case.toUpperCase(), path: pattern.value };
}

/** HTTP bindings of an RPC, additional ones included; streams of requests have none. */
export function bindingsOf(method: DescMethod): readonly HttpBinding[] {
  if (!hasOption(method, httpOption) || method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming') return [];
  const rule = getOption(method, httpOption);
  return [rule, ...rule.additionalBindings].flatMap((one) => {
    const target = verbOf(one);
    return target === undefined ? [] : [{ method, verb: target.verb, template: parseTemplate(target.path), body: one.body }];
  });
}

/** Custom verbs first, then literal paths, then paths with variables: the order in which bindings are tried. */
const weight = ({ template }: HttpBinding): number => (/:[A-Za-z_]+$/.test(template.openApiPath) ? 0 : 100) + template.fields.length;

/** Finds the binding of a request. */
export class RouteTable {
  readonly bindings: readonly HttpBinding[];
  constructor(services: readonly DescService[]) {
    const all = services.flatMap((service) => service.methods).flatMap(bindingsOf);
    this.bindings = all.sort((a, b) => weight(a) - weight(b));
  }

  find(verb: string, path: string): { binding: HttpBinding; variables: ReadonlyMap<string, string> } | undefined {
    for (const binding of this.bindings) {
      if (binding.verb !== verb) continue;
      const variables = matchPath(binding.template, path);
      if (variables !== undefined) return { binding, variables };
    }
    return undefined;
  }

  /** Verbs that the path has, for `allow`. */
  verbsOf(path: string): readonly string[] {
    return [...new Set(this.bindings.filter(({ template }) => matchPath(template, path) !== undefined).map(({ verb }) => verb))];
  }
}
