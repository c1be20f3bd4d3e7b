/* simple FILE: compresses a file with the built-in model, writes FILE.occ, reads that back,
 * restores it and compares. Exits with 0 when both are equal.
 *
 *   cc simple.c $(pkg-config --cflags --libs occam) -o simple
 */
#include <occam/occam_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All bytes of a file, or an empty buffer and a message. */
static unsigned char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* bytes = NULL;
  long length;
  if (file == NULL) {
    perror(path);
    return NULL;
  }
  if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0 &&
      fseek(file, 0, SEEK_SET) == 0 && (bytes = malloc((size_t)length + 1)) != NULL) {
    *size = fread(bytes, 1, (size_t)length, file);
    if (*size != (size_t)length) {
      free(bytes);
      bytes = NULL;
    }
  }
  if (bytes == NULL) fprintf(stderr, "%s cannot be read\n", path);
  fclose(file);
  return bytes;
}

static int write_file(const char* path, const unsigned char* bytes, size_t size) {
  FILE* file = fopen(path, "wb");
  int good = file != NULL && fwrite(bytes, 1, size, file) == size;
  if (file != NULL && fclose(file) != 0) good = 0;
  if (!good) perror(path);
  return good;
}

int main(int argc, char** argv) {
  occam_buffer packed = {NULL, 0}, restored = {NULL, 0};
  occam_error error;
  size_t size = 0, packed_size = 0;
  unsigned char *bytes, *file = NULL;
  char* path;
  int equal = 0;
  if (argc != 2) {
    fprintf(stderr, "usage: simple FILE\n");
    return 2;
  }
  bytes = read_file(argv[1], &size);
  path = malloc(strlen(argv[1]) + 5);
  if (bytes == NULL || path == NULL) return 3;
  strcat(strcpy(path, argv[1]), ".occ");

  if (occam_compress(bytes, size, NULL, &packed, &error) != OCCAM_OK) {
    fprintf(stderr, "%s\n", error.message);
  } else if (write_file(path, packed.data, packed.size) &&
             (file = read_file(path, &packed_size)) != NULL) {
    if (occam_decompress(file, packed_size, NULL, &restored, &error) != OCCAM_OK)
      fprintf(stderr, "%s\n", error.message);
    else
      equal = restored.size == size && memcmp(restored.data, bytes, size) == 0;
  }
  if (equal) printf("%s: %zu -> %zu bytes, restored and equal\n", argv[1], size, packed_size);
  occam_buffer_free(&packed);
  occam_buffer_free(&restored);
  free(file);
  free(path);
  free(bytes);
  return equal ? 0 : 1;
}
