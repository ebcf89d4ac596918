/* SPDX-License-Identifier: BSD-3-Clause */
/* The vector versions add 16-bit words as signed ones (vpmaddwd with ones adds two and widens to 32
 * bits), so each word is first shifted by 0x8000; what that took off is added back by counting words. That
 * is three instructions per register. Blocks of 64 KiB keep the sums of a register within 31 bits.
 *
 * Which version runs is asked of the compiler's own record of the processor at each call, a test of a byte
 * in memory: cheaper than an indirect call, and nothing of ours to keep. */
#include "wire/checksum.h"

#include <immintrin.h>

#define BLOCK 65536u
#define SHORT 64u /* below, setting up vectors costs more than it saves */

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
    a += b;
    return a + (a < b);
}

/* The last 0 to 7 bytes as words, zero-filled. */
static inline uint64_t load_tail(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    if (n & 4) {
        uint32_t w;
        memcpy(&w, p, sizeof w);
        v = w;
        p += 4;
    }
    if (n & 2) {
        uint16_t w;
        memcpy(&w, p, sizeof w);
        v += w;
        p += 2;
    }
    if (n & 1)
        v += htons((uint16_t)(*p << 8));
    return v;
}

/* Room is left above for others to be added. */
static inline uint64_t half_fold(uint64_t sum)
{
    return (sum & 0xffffffff) + (sum >> 32);
}

static uint64_t partial_scalar(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t sum = 0;

    for (; len >= 32; len -= 32, p += 32) {
        sum = add_carry(sum, load64(p));
        sum = add_carry(sum, load64(p + 8));
        sum = add_carry(sum, load64(p + 16));
        sum = add_carry(sum, load64(p + 24));
    }
    for (; len >= 8; len -= 8, p += 8)
        sum = add_carry(sum, load64(p));
    return half_fold(sum) + load_tail(p, len);
}

/* What the shift by 0x8000 took off `bytes`. */
static inline uint64_t unshift(int32_t sum, size_t bytes)
{
    return (uint64_t)((int64_t)sum + (int64_t)(bytes / 2) * 0x8000);
}

#define AVX2 __attribute__((target("avx2")))

static inline AVX2 __m256i add_avx2(__m256i acc, __m256i v)
{
    const __m256i shift = _mm256_set1_epi16((short)0x8000), ones = _mm256_set1_epi16(1);
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_xor_si256(v, shift), ones));
}

static inline AVX2 __m256i load_avx2(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static AVX2 uint64_t block_avx2(const uint8_t *p, size_t len)
{
    static const int32_t keep[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    __m256i a = _mm256_setzero_si256(), b = a, mask;
    __m128i s;
    size_t left = len, summed;

    for (; left >= 128; left -= 128, p += 128) {
        a = add_avx2(a, load_avx2(p));
        b = add_avx2(b, load_avx2(p + 32));
        a = add_avx2(a, load_avx2(p + 64));
        b = add_avx2(b, load_avx2(p + 96));
    }
    for (; left >= 32; left -= 32, p += 32)
        a = add_avx2(a, load_avx2(p));
    /* What is left by whole 32-bit words, the rest of the register zero (and shifted like the rest). */
    mask = _mm256_loadu_si256((const __m256i *)(keep + 8 - left / 4));
    b = add_avx2(b, _mm256_maskload_epi32((const int *)p, mask));
    summed = len - left + 32;
    a = _mm256_add_epi32(a, b);
    s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return unshift(_mm_cvtsi128_si32(s), summed) + load_tail(p + (left & ~(size_t)3), left & 3);
}

#define AVX512 __attribute__((target("avx512f,avx512bw")))

static inline AVX512 __m512i add_avx512(__m512i acc, __m512i v)
{
    const __m512i shift = _mm512_set1_epi16((short)0x8000), ones = _mm512_set1_epi16(1);
    return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_xor_si512(v, shift), ones));
}

static AVX512 uint64_t block_avx512(const uint8_t *p, size_t len)
{
    __m512i a = _mm512_setzero_si512(), b = a;
    size_t left = len;

    for (; left >= 128; left -= 128, p += 128) {
        a = add_avx512(a, _mm512_loadu_si512(p));
        b = add_avx512(b, _mm512_loadu_si512(p + 64));
    }
    if (left >= 64) {
        a = add_avx512(a, _mm512_loadu_si512(p));
        left -= 64;
        p += 64;
    }
    b = add_avx512(b, _mm512_maskz_loadu_epi8((UINT64_C(1) << left) - 1, p));
    return unshift(_mm512_reduce_add_epi32(_mm512_add_epi32(a, b)), len - left + 64);
}

static inline uint64_t by_blocks(uint64_t (*block)(const uint8_t *, size_t), const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (; unlikely(len > BLOCK); len -= BLOCK, p += BLOCK)
        sum += block(p, BLOCK);
    return sum + block(p, len);
}

static uint64_t partial_avx2(const void *data, size_t len)
{
    return by_blocks(block_avx2, data, len);
}

static uint64_t partial_avx512(const void *data, size_t len)
{
    return by_blocks(block_avx512, data, len);
}

uint64_t checksum_partial(const void *data, size_t len)
{
    if (len < SHORT)
        return partial_scalar(data, len);
    if (__builtin_cpu_supports("avx512bw"))
        return partial_avx512(data, len);
    if (__builtin_cpu_supports("avx2"))
        return partial_avx2(data, len);
    return partial_scalar(data, len);
}

const struct checksum_variant *checksum_variant(unsigned i)
{
    static const struct checksum_variant variants[] = {
        {"scalar", partial_scalar},
        {"avx2", partial_avx2},
        {"avx512", partial_avx512},
    };
    unsigned n = 1;

    if (__builtin_cpu_supports("avx2"))
        n = 2;
    if (n == 2 && __builtin_cpu_supports("avx512bw"))
        n = 3;
    return i < n ? &variants[i] : NULL;
}

uint64_t checksum_partial_mbuf(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
    uint64_t sum = 0;
    bool odd = false;

    while (off > m->data_len || (off == m->data_len && len > 0)) {
        off -= m->data_len;
        m = m->next;
    }
    while (len > 0) {
        uint32_t n = RTE_MIN(len, m->data_len - off);
        uint64_t part = checksum_partial(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n);
        /* RFC 1071 section 2 (B): a part at an odd offset adds up with its bytes swapped. */
        sum += odd ? __builtin_bswap16(checksum_fold(part)) : part;
        odd ^= n & 1;
        len -= n;
        off = 0;
        m = m->next;
    }
    return sum;
}

uint16_t checksum_transport(const struct rte_mbuf *m, uint32_t l4_off, const struct ip_addr *src,
                            const struct ip_addr *dst, uint8_t proto)
{
    uint32_t len = m->pkt_len - l4_off;
    return checksum_finish(checksum_pseudo(src, dst, proto, len) + checksum_partial_mbuf(m, l4_off, len));
}
