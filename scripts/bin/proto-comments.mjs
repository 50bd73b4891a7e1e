// Comments of proto elements by full name, from a buf image: the OpenAPI documents show them.
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Children of a descriptor: field number in its own descriptor, then the elements with their names. */
const childrenOf = {
  file: (file) => [[4, 'message', file.messageType], [5, 'enum', file.enumType], [6, 'service', file.service]],
  message: (message) => [[2, 'leaf', message.field], [3, 'message', message.nestedType], [4, 'enum', message.enumType]],
  enum: (type) => [[2, 'leaf', type.value]],
  service: (service) => [[2, 'leaf', service.method]],
  leaf: () => [],
};

function* named(kind, element, name, path) {
  yield [path.join('.'), name];
  for (const [number, childKind, children] of childrenOf[kind](element))
    for (const [index, child] of children.entries()) yield* named(childKind, child, `${name}.${child.name}`, [...path, number, index]);
}

const text = (comment) => comment.split('\n').map((line) => line.trim()).join(' ').trim();

/** `[file name, [[full name, comment], …]]` of every file of ours in the image, in order. */
export function commentsOf(image) {
  return fromBinary(FileDescriptorSetSchema, image)
    .file.filter((file) => file.name.startsWith('skein/'))
    .map((file) => {
      const names = new Map(named('file', file, file.package, []));
      const found = (file.sourceCodeInfo?.location ?? []).flatMap(({ path, leadingComments }) => {
        const name = names.get(path.join('.'));
        return name === undefined || path.length === 0 || leadingComments === '' ? [] : [[name, text(leadingComments)]];
      });
      return [file.name, found];
    });
}
